// What a domain's text is made from, as far as it can be told without making it: for stage keys.
#pragma once

#include <filesystem>
#include <string>

#include "core/base/value.hpp"
#include "core/data/domain.hpp"

namespace symphony {

/// Versions of the packages, and path and SHA-256 of every file of the user's own (also those that a `command` names). Equal values and recipes give equal texts.
/// Throws DataError, naming the command that installs it, for a package that is not installed.
Value domain_inputs(const std::string& name, const DomainRecipe& recipe, const std::filesystem::path& dpkg_status = "/var/lib/dpkg/status");

}  // namespace symphony
