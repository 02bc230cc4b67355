// dpkg keeps one text file a package, `<name>.list` or `<name>:<architecture>.list`, one absolute path a line.
#include "core/data/package_files.hpp"

#include <algorithm>
#include <fstream>

#include "core/base/error.hpp"

namespace symphony {

namespace {

std::filesystem::path find_list(const std::string& package, const std::filesystem::path& dpkg_info) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path plain = dpkg_info / (package + ".list");
  if (fs::exists(plain, error)) return plain;
  std::vector<fs::path> of_architectures;
  for (fs::directory_iterator entry(dpkg_info, error); !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(package + ":") && name.ends_with(".list")) of_architectures.push_back(entry->path());
  }
  return of_architectures.empty() ? fs::path() : *std::min_element(of_architectures.begin(), of_architectures.end());
}

}  // namespace

std::vector<std::string> package_paths(const std::string& where, const std::string& package, const std::filesystem::path& dpkg_info) {
  const std::filesystem::path list = find_list(package, dpkg_info);
  std::ifstream file(list);
  if (list.empty() || !file)
    fail<DataError>(where, "the Debian package '{}' is not installed (no list of its files in {}); install it with: apt-get install {}",
                    package, dpkg_info.string(), package);
  std::vector<std::string> paths;
  for (std::string line; std::getline(file, line);) paths.push_back(line);
  return paths;
}

}  // namespace symphony
