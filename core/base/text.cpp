// Words for messages.
#include "core/base/text.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "core/base/error.hpp"

namespace symphony {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

std::size_t edit_distance(std::string_view a_text, std::string_view b_text) {
  const std::string a = lower(a_text);
  const std::string b = lower(b_text);
  // Three rows of the dynamic programme suffice: a transposition looks two rows back.
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t col = 0; col <= b.size(); ++col) previous[col] = col;
  for (std::size_t row = 1; row <= a.size(); ++row) {
    current[0] = row;
    for (std::size_t col = 1; col <= b.size(); ++col) {
      const std::size_t substitution = previous[col - 1] + (a[row - 1] == b[col - 1] ? 0 : 1);
      current[col] = std::min({previous[col] + 1, current[col - 1] + 1, substitution});
      const bool transposed = row > 1 && col > 1 && a[row - 1] == b[col - 2] && a[row - 2] == b[col - 1];
      if (transposed) current[col] = std::min(current[col], before[col - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

std::optional<std::string> nearest_name(std::string_view got, std::span<const std::string> candidates) {
  const std::size_t tolerance = std::max<std::size_t>(1, got.size() / 3);
  std::optional<std::string> best;
  std::size_t best_distance = tolerance + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(got, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::string name_hint(std::string_view got, std::span<const std::string> candidates) {
  if (candidates.empty()) return "";
  if (const auto nearest = nearest_name(got, candidates)) return fmt::format("did you mean '{}'?", *nearest);
  constexpr std::size_t kMaxShown = 12;
  const std::size_t shown = std::min(kMaxShown, candidates.size());
  std::string text = "known: " + join(candidates.first(shown), ", ");
  if (shown < candidates.size()) text += fmt::format(" and {} more", candidates.size() - shown);
  return text;
}

std::string shape_text(std::span<const std::int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string quoted(std::string_view text) {
  constexpr std::size_t kMaxShown = 80;
  std::string result = "'";
  for (const char c : text.substr(0, kMaxShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') result += "\\n";
    else if (byte < 0x20 || byte == 0x7f) result += fmt::format("\\x{:02x}", byte);
    else result += c;
  }
  return result + (text.size() > kMaxShown ? "...'" : "'");
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::size_t valid_utf8_prefix(std::string_view text) {
  const auto byte_at = [&](std::size_t offset) { return static_cast<unsigned char>(text[offset]); };
  std::size_t offset = 0;
  while (offset < text.size()) {
    const unsigned char lead = byte_at(offset);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (length == 0 || offset + length > text.size()) return offset;
    for (std::size_t step = 1; step < length; ++step)
      if ((byte_at(offset + step) & 0xC0) != 0x80) return offset;
    // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
    const unsigned char second = length > 1 ? byte_at(offset + 1) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F))
      return offset;
    offset += length;
  }
  return offset;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double amount = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (amount >= 1024.0 && unit + 1 < std::size(kUnits)) {
    amount /= 1024.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::uint64_t parse_bytes(std::string_view text, std::string_view where) {
  constexpr std::string_view kPrefixes = "kmgt";
  const std::string whole = lower(text);
  char* rest = nullptr;
  const double amount = std::strtod(whole.c_str(), &rest);
  std::string unit = rest == whole.c_str() ? "?" : rest;
  unit.erase(0, std::min(unit.find_first_not_of(' '), unit.size()));
  double factor = 1.0;
  const std::size_t power = unit.empty() ? std::string_view::npos : kPrefixes.find(unit[0]);
  if (power != std::string_view::npos) {
    const bool binary = unit.size() > 1 && unit[1] == 'i';
    factor = std::pow(binary ? 1024.0 : 1000.0, static_cast<double>(power + 1));
    unit.erase(0, binary ? 2 : 1);
  }
  if ((!unit.empty() && unit != "b") || !(amount >= 0.0) || amount * factor > 9e18)
    fail<ConfigError>(where, "got {}, expected a size such as 12GiB or 500MB", quoted(text));
  return static_cast<std::uint64_t>(amount * factor);
}

std::string human_seconds(double seconds) {
  if (seconds < 1.0) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 60.0) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

}  // namespace symphony
