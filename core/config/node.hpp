// A configuration as it was written: a tree whose every key and value remembers the file, line and column, or the override, it came from.
// Merging and overriding move parts with their places, so that a message about the final tree still points at what the user typed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"

namespace symphony {

/// Where a key or value was written. Copies share the source's name.
struct Mark {
  std::shared_ptr<const std::string> source;  ///< a path, "override 'k=1'", or null: nowhere, a default
  int line = 0, column = 0;                   ///< from 1; 0 for what has no lines
  /// "a.yaml:3:5", "override 'k=1'" or "default"
  std::string text() const;
  friend bool operator<(const Mark& a, const Mark& b);
};

class Node {
 public:
  enum class Kind { scalar, list, map };
  struct Entry;

  Node() = default;  ///< null
  Node(Value scalar, Mark mark);
  /// The same tree as `value`, every part of it marked `mark`.
  static Node from_value(const Value& value, const Mark& mark);
  static Node empty(Kind kind, Mark mark);

  Kind kind = Kind::scalar;
  Mark mark;                    ///< of the value
  Value scalar;                 ///< of Kind::scalar: null, boolean, number or string
  std::vector<Node> items;      ///< of Kind::list
  std::vector<Entry> entries;   ///< of Kind::map, in the order written, keys distinct

  bool is_map() const { return kind == Kind::map; }
  bool is_list() const { return kind == Kind::list; }
  bool is_string() const { return kind == Kind::scalar && scalar.is_string(); }
  bool is_null() const { return kind == Kind::scalar && scalar.is_null(); }

  /// The entry of a map, or nullptr.
  const Entry* find(std::string_view key) const;
  Entry* find(std::string_view key);
  std::vector<std::string> keys() const;
  /// "a map", "a list of 3", "the string 'x'"
  std::string describe() const;

  /// Without the marks.
  Value value() const;
};

struct Node::Entry {
  std::string key;
  Mark key_mark;
  Node value;
};

/// Lays `patch` over `base`; included files, profiles and sweep variants all go through here. Maps merge key by key, everything else is
/// replaced, and the parts keep the marks of where they came from. A plugin's parameters belong to its name, so, where M stands for a method:
///   {method: a, x: 1}  over  {method: b, ...}  replaces the map: parameters of b must not linger
///   {method: a, x: 1}  over  {method: a, y: 2}  merges
///   a (a bare string)  over  {method: ..., ...}  replaces the map, also when it names the same method: its parameters return to their defaults
///   {x: 1}             over  a (a bare string)   gives {method: a, x: 1}
void merge(Node& base, const Node& patch);

}  // namespace symphony
