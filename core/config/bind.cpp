// Where a mistake belongs, and how several are told.
#include "core/config/bind.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/error.hpp"

namespace symphony {

Located locate(const Node& root, const std::vector<std::string>& path) {
  Located found{&root, root.mark, 0};
  for (const std::string& part : path) {
    if (found.node->is_map()) {
      const Node::Entry* entry = found.node->find(part);
      if (!entry) break;
      found = {&entry->value, entry->key_mark, found.depth + 1};
    } else if (found.node->is_list()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
      if (error != std::errc{} || index >= found.node->items.size()) break;
      const Node& item = found.node->items[index];
      found = {&item, item.mark, found.depth + 1};
    } else {
      break;
    }
  }
  return found;
}

void Mistakes::add(const Node& root, const SchemaIssue& issue, const std::vector<std::string>& prefix) {
  std::vector<std::string> path = prefix;
  path.insert(path.end(), issue.path.begin(), issue.path.end());
  const Located found = locate(root, path);
  const bool complete = found.depth == path.size();
  // What a map lacks is told at its key, which says more than its first line.
  const bool at_key = complete ? issue.about_key : found.node->is_map();
  add(at_key ? found.key_mark : found.node->mark, std::move(path), issue.message);
}

void Mistakes::add(const Mark& mark, std::vector<std::string> path, std::string message) {
  const std::string where = path_text(path);
  std::string text = fmt::format("{}: {}{}{}", mark.text(), where, where.empty() ? "" : ": ", message);
  ++num_added_;
  if (texts_.insert(text).second) lines_.push_back({mark, std::move(text)});
}

std::vector<std::string> Mistakes::lines() const {
  std::vector<Line> sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Line& a, const Line& b) { return a.mark < b.mark; });
  std::vector<std::string> result;
  for (Line& line : sorted) result.push_back(std::move(line.text));
  return result;
}

void Mistakes::raise() const {
  const auto all = lines();
  if (all.empty()) return;
  throw ConfigError(join(all, "\n") + (all.size() > 1 ? fmt::format("\n{} mistakes", all.size()) : ""));
}

}  // namespace symphony
