// Package versions from dpkg's status file, and hashes of the user's files.
#include "core/data/domain_inputs.hpp"

#include <fstream>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/data/glob.hpp"

namespace symphony {

namespace {

/// Versions of the installed ones among `packages`. The file is a list of paragraphs of "Field: value" lines.
std::map<std::string, std::string> installed_versions(const std::set<std::string>& packages, const std::filesystem::path& dpkg_status) {
  std::map<std::string, std::string> versions;
  std::ifstream file(dpkg_status);
  std::string line, package, version;
  bool installed = false;
  const auto close_paragraph = [&] {
    if (installed && packages.contains(package)) versions[package] = version;
    package.clear(), version.clear(), installed = false;
  };
  while (std::getline(file, line)) {
    if (line.empty()) close_paragraph();
    else if (line.starts_with("Package: ")) package = line.substr(9);
    else if (line.starts_with("Version: ")) version = line.substr(9);
    else if (line.starts_with("Status: ")) installed = line.ends_with(" installed");
  }
  close_paragraph();
  return versions;
}

}  // namespace

Value domain_inputs(const std::string& name, const DomainRecipe& recipe, const std::filesystem::path& dpkg_status) {
  Value inputs = ValueMap{};
  const auto versions = installed_versions({recipe.package.begin(), recipe.package.end()}, dpkg_status);
  for (const std::string& package : recipe.package) {
    const auto found = versions.find(package);
    if (found == versions.end())
      fail<DataError>("domain " + quoted(name), "the package '{0}' is not installed; install it with: apt-get install {0}", package);
    inputs.set("package " + package, found->second);
  }
  for (const std::string& pattern : recipe.files)
    for (const auto& path : glob_files(pattern)) inputs.set("file " + path.string(), sha256_file(path));
  // A script of the user's own counts by content; an installed program by its package.
  for (const std::string& word : recipe.command)
    if (recipe.package.empty() && std::filesystem::is_regular_file(word)) inputs.set("file " + word, sha256_file(word));
  return inputs;
}

}  // namespace symphony
