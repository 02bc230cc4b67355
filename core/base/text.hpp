// Words for messages: nearest names, shapes, sizes, durations. Pure functions, deterministic.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace symphony {

/// Damerau-Levenshtein distance (adjacent transpositions count 1), case-insensitive for ASCII.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `got`, if it is near enough to be what was meant (at most a third of its letters, at least one, differ).
std::optional<std::string> nearest_name(std::string_view got, std::span<const std::string> candidates);

/// "did you mean 'x'?" when there is a near name, otherwise "known: a, b, c" (at most 12 names), or "" without candidates.
std::string name_hint(std::string_view got, std::span<const std::string> candidates);

/// "[512, 64]"
std::string shape_text(std::span<const std::int64_t> shape);

/// 'text' in single quotes, control bytes escaped, cut to 80 bytes.
std::string quoted(std::string_view text);
// For arguments of type std::string, where std::quoted of <iomanip>, found by argument-dependent look-up, would otherwise be the better match.
inline std::string quoted(const std::string& text) { return quoted(std::string_view(text)); }
inline std::string quoted(std::string& text) { return quoted(std::string_view(text)); }
inline std::string quoted(const char* text) { return quoted(std::string_view(text)); }

std::string join(std::span<const std::string> parts, std::string_view separator);
std::vector<std::string> split(std::string_view text, char separator);

/// How many bytes at the start of `text` are well-formed UTF-8 (no overlong forms, no surrogates); text.size() when all are.
std::size_t valid_utf8_prefix(std::string_view text);

/// "1.4 GiB"
std::string human_bytes(std::uint64_t bytes);
/// Bytes that "12GiB", "500 MB", "1.5 TiB" or a plain number mean; KB and its like are powers of 1000. Throws ConfigError led by `where`.
std::uint64_t parse_bytes(std::string_view text, std::string_view where);
/// "83 ms", "12.4 s", "3 min 05 s", "2 h 07 min"
std::string human_seconds(double seconds);

}  // namespace symphony
