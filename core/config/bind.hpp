// From the marked tree to typed settings, with every mistake told at the place where it was written, all of them at once.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/base/schema.hpp"
#include "core/config/node.hpp"

namespace symphony {

/// Collects mistakes from several sources (schemas of core and of plugins, sweep points) and throws them together.
class Mistakes {
 public:
  /// At the part of `root` that `issue.path` leads to, after `prefix`: an unknown key at the key, a missing key at the map that lacks it, a part
  /// that only exists as a default at the nearest part that was written.
  void add(const Node& root, const SchemaIssue& issue, const std::vector<std::string>& prefix = {});
  void add(const Mark& mark, std::vector<std::string> path, std::string message);

  bool empty() const { return lines_.empty(); }
  /// How many were added, also those that say the same of the same place.
  std::size_t size() const { return num_added_; }
  /// Sorted by file and place, equal lines once.
  std::vector<std::string> lines() const;
  /// Throws ConfigError with one line a mistake and, for more than one, a last line with their number. Nothing happens when there is none.
  void raise() const;

 private:
  struct Line {
    Mark mark;
    std::string text;
  };
  std::vector<Line> lines_;
  std::set<std::string> texts_;   ///< of lines_: ten thousand points of a sweep may share a mistake
  std::size_t num_added_ = 0;
};

/// The node that a path leads to, as far as it exists.
struct Located {
  const Node* node = nullptr;   ///< the deepest that exists
  Mark key_mark;                ///< of its key; of the value for list items and the root
  std::size_t depth = 0;        ///< how many parts of the path it took
};
Located locate(const Node& root, const std::vector<std::string>& path);

/// Reads the tree into a default-constructed T, adding what is wrong to `mistakes`.
template <Described T>
T bind(const Node& root, Mistakes& mistakes) {
  T object{};
  for (const SchemaIssue& issue : Schema::of<T>()->assign(&object, root.value())) mistakes.add(root, issue);
  return object;
}

/// The same, throwing ConfigError when anything is wrong.
template <Described T>
T bind(const Node& root) {
  Mistakes mistakes;
  T object = bind<T>(root, mistakes);
  mistakes.raise();
  return object;
}

}  // namespace symphony
