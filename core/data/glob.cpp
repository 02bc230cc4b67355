// Matching by backtracking over the pattern's stars; patterns are short and paths are at most a few hundred bytes.
#include "core/data/glob.hpp"

#include <algorithm>

namespace symphony {

bool glob_matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && pattern.front() != '*') {
    if (path.empty()) return false;
    const bool same = pattern.front() == '?' ? path.front() != '/' : pattern.front() == path.front();
    if (!same) return false;
    pattern.remove_prefix(1);
    path.remove_prefix(1);
  }
  if (pattern.empty()) return path.empty();
  if (pattern.starts_with("**/") && glob_matches(pattern.substr(3), path)) return true;  // '**/' also stands for no folder
  const bool crosses = pattern.starts_with("**");
  const std::string_view rest = pattern.substr(crosses ? 2 : 1);
  for (std::size_t taken = 0;; ++taken) {
    if (glob_matches(rest, path.substr(taken))) return true;
    if (taken == path.size() || (!crosses && path[taken] == '/')) return false;
  }
}

std::vector<std::filesystem::path> glob_files(const std::string& pattern) {
  namespace fs = std::filesystem;
  std::vector<fs::path> found;
  std::error_code error;
  const std::size_t star = pattern.find_first_of("*?");
  if (star == std::string::npos) {
    if (fs::is_regular_file(pattern, error)) found.emplace_back(pattern);
    return found;
  }
  const std::size_t slash = pattern.rfind('/', star);
  const fs::path folder = slash == std::string::npos ? fs::path(".") : fs::path(pattern.substr(0, slash + 1));
  const std::string prefix = slash == std::string::npos ? "" : pattern.substr(0, slash + 1);
  fs::recursive_directory_iterator walk(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    std::error_code broken_link;
    if (!walk->is_regular_file(broken_link)) continue;
    const std::string path = prefix + walk->path().lexically_relative(folder).string();
    if (glob_matches(pattern, path)) found.emplace_back(path);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace symphony
