// The files of an installed Debian package, from the package's own list (no dpkg process, no shell).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace symphony {

/// Every path that `package` owns, folders and links included, in the list's order. Reads `<dpkg_info>/<package>.list` or, for packages that
/// exist once an architecture, `<dpkg_info>/<package>:<architecture>.list`. Throws DataError with the command that installs the package
/// when neither exists.
std::vector<std::string> package_paths(const std::string& where, const std::string& package, const std::filesystem::path& dpkg_info);

}  // namespace symphony
