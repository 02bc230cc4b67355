// YAML text into a marked tree, by yaml-cpp's event interface (its Node silently keeps the first of duplicate keys and loses places when
// copied). YAML 1.2 core schema made strict: what older or other readers take for something else is refused, not guessed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/config/node.hpp"

namespace symphony {

inline constexpr std::uint64_t kMaxDocumentBytes = std::uint64_t{1} << 20;
inline constexpr std::size_t kMaxDocumentNodes = 20000;  ///< aliases expanded; what has an anchor counts twice
inline constexpr std::size_t kMaxDocumentDepth = 50;

/// One YAML document; an empty one gives an empty map. `source` names it in every mark. Throws ConfigError "source:line:column: what, got,
/// expected" for bad syntax, several documents, duplicate or non-scalar keys, `<<`, tags other than !!str, !!seq and !!map, anchors that hold
/// themselves, and what exceeds the limits above. Plain scalars: true, false, null, ~, decimal integers of int64, finite decimal floats, strings;
/// refused are yes/no/on/off, leading zeros, underscores in numbers, other number bases, .inf and .nan. Quoted text is always a string.
Node parse_document(std::string_view text, std::string_view source);

/// A value as on a command line: every part is marked `mark`, errors are led by its text.
Node parse_inline(std::string_view text, const Mark& mark);

/// Reads the file; the path as given is the source of the marks. Throws ConfigError also when it cannot be read.
Node read_document(const std::filesystem::path& path);

}  // namespace symphony
