// The clean-up steps that a domain recipe names: pure functions from text to text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace symphony {

///   byte_filter           keeps tab, newline and printable ASCII
///   tidy_lines            drops blanks at line ends and all but one of successive empty lines
///   drop_leading_comment  drops C and C++ comments (licence headers) before the first other line
///   drop_verse_reference  drops a leading "Ge1:1 " of every line
std::vector<std::string> clean_step_names();

/// Throws ConfigError with the nearest step.
std::string apply_clean_step(std::string_view step, std::string text);

}  // namespace symphony
