// The marked tree and the one way in which two of them are laid over each other.
#include "core/config/node.hpp"

#include <tuple>

#include "core/base/text.hpp"

#include <fmt/format.h>

namespace symphony {

std::string Mark::text() const {
  if (!source) return "default";
  return line > 0 ? fmt::format("{}:{}:{}", *source, line, column) : *source;
}

bool operator<(const Mark& a, const Mark& b) {
  static const std::string kNone;
  return std::tie(a.source ? *a.source : kNone, a.line, a.column) < std::tie(b.source ? *b.source : kNone, b.line, b.column);
}

Node::Node(Value value, Mark place) : mark(std::move(place)), scalar(std::move(value)) {}

Node Node::empty(Kind kind, Mark place) {
  Node node(Value(), std::move(place));
  node.kind = kind;
  return node;
}

Node Node::from_value(const Value& value, const Mark& place) {
  if (value.is_list()) {
    Node node = empty(Kind::list, place);
    for (const Value& item : value.as_list()) node.items.push_back(from_value(item, place));
    return node;
  }
  if (value.is_map()) {
    Node node = empty(Kind::map, place);
    for (const auto& [key, item] : value.as_map()) node.entries.push_back({key, place, from_value(item, place)});
    return node;
  }
  return Node(value, place);
}

const Node::Entry* Node::find(std::string_view key) const {
  for (const Entry& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

Node::Entry* Node::find(std::string_view key) { return const_cast<Entry*>(std::as_const(*this).find(key)); }

std::vector<std::string> Node::keys() const {
  std::vector<std::string> result;
  for (const Entry& entry : entries) result.push_back(entry.key);
  return result;
}

std::string Node::describe() const {
  if (kind == Kind::map) return "a map";
  if (kind == Kind::list) return fmt::format("a list of {}", items.size());
  return scalar.describe();
}

Value Node::value() const {
  if (kind == Kind::list) {
    ValueList list;
    for (const Node& item : items) list.push_back(item.value());
    return Value(std::move(list));
  }
  if (kind == Kind::map) {
    ValueMap map;
    for (const Entry& entry : entries) map.emplace_back(entry.key, entry.value.value());
    return Value(std::move(map));
  }
  return scalar;
}

void merge(Node& base, const Node& patch) {
  if (!patch.is_map()) {
    base = patch;
    return;
  }
  if (base.is_string() && !patch.find("method")) {
    Node method = Node::empty(Node::Kind::map, base.mark);
    method.entries.push_back({"method", base.mark, base});
    base = std::move(method);
  }
  if (!base.is_map()) {
    base = patch;
    return;
  }
  const Node::Entry* old_method = base.find("method");
  const Node::Entry* new_method = patch.find("method");
  if (old_method && new_method && old_method->value.value() != new_method->value.value()) {
    base = patch;
    return;
  }
  for (const Node::Entry& entry : patch.entries) {
    Node::Entry* present = base.find(entry.key);
    if (!present) {
      base.entries.push_back(entry);
      continue;
    }
    // A map that only gains keys stays where it was written; a value that is replaced moves to the patch.
    if (!(present->value.is_map() && entry.value.is_map())) present->key_mark = entry.key_mark;
    merge(present->value, entry.value);
  }
}

}  // namespace symphony
