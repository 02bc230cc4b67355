// Path patterns: '*' and '?' stay within one name, '**' crosses folders ("a/**/b" also matches "a/b"); everything else is literal.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace symphony {

bool glob_matches(std::string_view pattern, std::string_view path);

/// The regular files that match, sorted. Links to files count, links to folders are not followed.
std::vector<std::filesystem::path> glob_files(const std::string& pattern);

}  // namespace symphony
