// Walking a path through the marked tree, and the three forms of override.
#include "core/config/overrides.hpp"

#include <charconv>
#include <optional>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/config/document.hpp"

namespace symphony {

namespace {

/// "a.b[0].c" -> a, b, 0, c
std::vector<std::string> split_path(std::string_view path, std::string_view who) {
  std::vector<std::string> parts;
  for (const std::string& dotted : split(path, '.')) {
    std::string_view rest = dotted;
    const std::size_t bracket = std::min(rest.find('['), rest.size());
    const std::string_view name = rest.substr(0, bracket);
    if (name.empty()) fail<ConfigError>(who, "the path {} has an empty part, expected keys joined by '.', such as router.k", quoted(path));
    parts.emplace_back(name);
    rest.remove_prefix(bracket);
    while (!rest.empty()) {
      const std::size_t end = rest.find(']');
      const std::string_view index = end == std::string_view::npos ? "" : rest.substr(1, end - 1);
      const bool is_index = rest[0] == '[' && !index.empty() && index.find_first_not_of("0123456789") == std::string_view::npos;
      if (!is_index) fail<ConfigError>(who, "the path {} has a bad index, expected a form such as models[0]", quoted(path));
      parts.emplace_back(index);
      rest.remove_prefix(end + 1);
    }
  }
  return parts;
}

/// A place in a map or list: what holds it and how it is called there.
class Walker {
 public:
  Walker(Node& root, std::string_view path, std::string_view who) : node_(&root), parts_(split_path(path, who)), who_(who) {}

  /// Goes to the container of the last part. Absent maps are made when `may_add`.
  void descend(bool may_add) {
    for (; part_idx_ + 1 < parts_.size(); ++part_idx_) {
      open_container(may_add);
      Node* child = find_child();
      if (!child && may_add && node_->is_map()) child = &add_child(Node::empty(Node::Kind::map, added_mark_));
      if (!child) refuse_missing("");
      node_ = child;
    }
    open_container(may_add);
  }

  Node* find_child() {
    if (node_->is_map()) {
      Node::Entry* entry = node_->find(part());
      return entry ? &entry->value : nullptr;
    }
    const auto index = list_index();
    return index < node_->items.size() ? &node_->items[index] : nullptr;
  }

  Node& add_child(Node value) {
    if (node_->is_map()) {
      node_->entries.push_back({part(), value.mark, std::move(value)});
      return node_->entries.back().value;
    }
    if (list_index() != node_->items.size()) refuse_missing(fmt::format("; appending needs the index {}", node_->items.size()));
    node_->items.push_back(std::move(value));
    return node_->items.back();
  }

  void remove_child() {
    if (!find_child()) refuse_missing("");
    if (node_->is_map()) std::erase_if(node_->entries, [&](const Node::Entry& entry) { return entry.key == part(); });
    else node_->items.erase(node_->items.begin() + static_cast<std::ptrdiff_t>(list_index()));
  }

  [[noreturn]] void refuse_missing(std::string_view advice) const {
    if (node_->is_list()) fail<ConfigError>(who_, "{} has no item {}, it has {}{}", here(), part(), node_->items.size(), advice);
    const auto keys = node_->keys();
    fail<ConfigError>(who_, "{} has no key {}; {}{}", here(), quoted(part()), keys.empty() ? "it is empty" : name_hint(part(), keys), advice);
  }

  Node& container() { return *node_; }
  const std::string& part() const { return parts_[part_idx_]; }
  void mark_added(const Mark& mark) { added_mark_ = mark; }

 private:
  /// A bare method's name, and null where keys may be added, stand for a map.
  void open_container(bool may_add) {
    const bool is_method_name = node_->is_string() && (may_add || part() == "method");
    if (is_method_name) {
      Node map = Node::empty(Node::Kind::map, node_->mark);
      map.entries.push_back({"method", node_->mark, *node_});
      *node_ = std::move(map);
    } else if (node_->is_null() && may_add) {
      *node_ = Node::empty(Node::Kind::map, node_->mark);
    }
    if (node_->kind == Node::Kind::scalar)
      fail<ConfigError>(who_, "{} is {}, expected a map that holds {}{}", here(), node_->describe(), quoted(part()),
                        node_->is_string() ? "; use '+' to add a parameter to a method" : "");
    if (node_->is_list()) list_index();
  }

  std::size_t list_index() const {
    std::size_t index = 0;
    const char* end = part().data() + part().size();
    if (const auto [stop, error] = std::from_chars(part().data(), end, index); error != std::errc{} || stop != end)
      fail<ConfigError>(who_, "{} is a list, got the key {}, expected an index below {}", here(), quoted(part()), node_->items.size());
    return index;
  }

  std::string here() const {
    std::string text;
    for (std::size_t before = 0; before < part_idx_; ++before) text += (before ? "." : "") + parts_[before];
    return text.empty() ? "the top level" : quoted(text);
  }

  Node* node_;
  std::vector<std::string> parts_;
  std::string_view who_;
  std::size_t part_idx_ = 0;
  Mark added_mark_;
};

std::string lead(std::string_view text) { return fmt::format("override {}", quoted(text)); }

}  // namespace

void set_path(Node& root, std::string_view path, Node value, Presence presence, std::string_view who) {
  Walker walker(root, path, who);
  walker.mark_added(value.mark);
  walker.descend(presence != Presence::required);
  Node* present = walker.find_child();
  if (!present) {
    if (presence == Presence::required) walker.refuse_missing("; use '+' to add it");
    walker.add_child(std::move(value));
    return;
  }
  if (presence == Presence::absent) fail<ConfigError>(who, "{} is there already, got '+', which adds what is not; leave it out to replace", quoted(path));
  if (walker.part() == "method" && walker.container().is_map()) {
    Node patch = Node::empty(Node::Kind::map, value.mark);
    patch.entries.push_back({"method", value.mark, std::move(value)});
    merge(walker.container(), patch);
    return;
  }
  if (Node::Entry* entry = walker.container().find(walker.part())) entry->key_mark = value.mark;
  *present = std::move(value);
}

void remove_path(Node& root, std::string_view path, std::string_view who) {
  Walker walker(root, path, who);
  walker.descend(false);
  walker.remove_child();
}

void apply_override(Node& root, std::string_view text) {
  const std::string who = lead(text);
  const char form = text.empty() ? '\0' : text[0];
  if (form == '~') return remove_path(root, text.substr(1), who);
  const std::string_view assignment = text.substr(form == '+' ? 1 : 0);
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    fail<ConfigError>(who, "expected key.path=value, +key.path=value to add or ~key.path to remove");
  const Mark mark{std::make_shared<const std::string>(who)};
  Node value = parse_inline(assignment.substr(equals + 1), mark);
  set_path(root, assignment.substr(0, equals), std::move(value), form == '+' ? Presence::absent : Presence::required, who);
}

void apply_overrides(Node& root, std::span<const std::string> texts) {
  std::vector<std::string> mistakes;
  for (const std::string& text : texts) {
    try {
      apply_override(root, text);
    } catch (const ConfigError& error) {
      mistakes.emplace_back(error.what());
    }
  }
  if (!mistakes.empty()) throw ConfigError(join(mistakes, "\n"));
}

}  // namespace symphony
