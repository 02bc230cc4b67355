// The clean-up steps of text domains. What each keeps follows the recipes that the first experiments on these packages used: bytes a reader
// could type, no licence headers (the same few lines in every file), no verse numbers.
#include "core/data/text_clean.hpp"

#include <array>
#include <cctype>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

std::string byte_filter(std::string text) {
  std::erase_if(text, [](char c) { return c != '\t' && c != '\n' && (c < ' ' || c > '~'); });
  return text;
}

/// Calls `visit` with every line, without its newline.
template <typename F>
void for_each_line(std::string_view text, F&& visit) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string tidy_lines(std::string text) {
  std::string result;
  result.reserve(text.size() + 1);
  bool previous_empty = true;  // no empty line at the beginning either
  for_each_line(text, [&](std::string_view line) {
    const std::size_t last = line.find_last_not_of(" \t");
    const std::string_view kept = line.substr(0, last == std::string_view::npos ? 0 : last + 1);
    if (kept.empty() && previous_empty) return;
    previous_empty = kept.empty();
    result += kept;
    result += '\n';
  });
  return result;
}

std::string drop_leading_comment(std::string text) {
  std::size_t begin = 0;
  while (true) {
    const std::size_t word = text.find_first_not_of(" \t\r\n", begin);
    if (word == std::string::npos) return {};
    if (text.compare(word, 2, "//") == 0) {
      begin = text.find('\n', word);
    } else if (text.compare(word, 2, "/*") == 0) {
      begin = text.find("*/", word + 2);
      if (begin != std::string::npos) begin += 2;
    } else {
      return text.substr(word);
    }
    if (begin == std::string::npos) return {};
  }
}

/// Length of a leading "1Ki12:3 " (book with an optional number, chapter, verse), 0 when there is none.
std::size_t verse_reference_length(std::string_view line) {
  std::size_t at = 0;
  const auto count = [&](auto&& matches) {
    const std::size_t start = at;
    while (at < line.size() && matches(static_cast<unsigned char>(line[at]))) ++at;
    return at - start;
  };
  const auto digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const auto letter = [](unsigned char c) { return std::isalpha(c) != 0; };
  count(digit);
  if (count(letter) == 0 || count(digit) == 0) return 0;
  if (at >= line.size() || line[at] != ':') return 0;
  ++at;
  if (count(digit) == 0 || at >= line.size() || line[at] != ' ') return 0;
  return at + 1;
}

std::string drop_verse_reference(std::string text) {
  std::string result;
  result.reserve(text.size());
  for_each_line(text, [&](std::string_view line) {
    result += line.substr(verse_reference_length(line));
    result += '\n';
  });
  return result;
}

using Step = std::string (*)(std::string);
constexpr std::array<std::pair<const char*, Step>, 4> kSteps{{{"byte_filter", byte_filter},
                                                              {"tidy_lines", tidy_lines},
                                                              {"drop_leading_comment", drop_leading_comment},
                                                              {"drop_verse_reference", drop_verse_reference}}};

}  // namespace

std::vector<std::string> clean_step_names() {
  std::vector<std::string> names;
  for (const auto& [name, step] : kSteps) names.emplace_back(name);
  return names;
}

std::string apply_clean_step(std::string_view step, std::string text) {
  for (const auto& [name, apply] : kSteps)
    if (step == name) return apply(std::move(text));
  fail<ConfigError>("clean", "unknown step {}; {}", quoted(step), name_hint(step, clean_step_names()));
}

}  // namespace symphony
