// YAML 1.2 core schema (section 10.3.2) without its hexadecimal, octal and non-finite numbers.
#include "core/config/scalar.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "core/base/text.hpp"

namespace symphony {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// How far the digits at the start of `text` go.
std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

enum class NumberKind { none, integer, real };

/// The form of an unsigned decimal number: digits, a fraction, an exponent; digits before or after the point.
NumberKind number_kind(std::string_view text) {
  const std::size_t whole = count_digits(text);
  text.remove_prefix(whole);
  std::size_t fraction = 0;
  bool real = false;
  if (text.starts_with('.')) {
    real = true;
    text.remove_prefix(1);
    fraction = count_digits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return NumberKind::none;
  if (text.starts_with('e') || text.starts_with('E')) {
    real = true;
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    const std::size_t exponent = count_digits(text);
    if (exponent == 0) return NumberKind::none;
    text.remove_prefix(exponent);
  }
  if (!text.empty()) return NumberKind::none;
  return real ? NumberKind::real : NumberKind::integer;
}

template <typename T>
bool parse_whole(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

/// 0x1f, 0o17, 0b1: a base prefix and at least one digit of any base.
bool has_base_prefix(std::string_view magnitude) {
  return magnitude.size() > 2 && magnitude[0] == '0' && std::string_view("xob").find(magnitude[1]) != std::string_view::npos &&
         std::all_of(magnitude.begin() + 2, magnitude.end(), [](unsigned char c) { return std::isxdigit(c); });
}

}  // namespace

std::variant<Value, std::string> resolve_plain_scalar(std::string_view text) {
  using Words3 = std::array<std::string_view, 3>;
  if (text.empty() || text == "~" || is_one_of(text, Words3{"null", "Null", "NULL"})) return Value();
  if (is_one_of(text, Words3{"true", "True", "TRUE"})) return Value(true);
  if (is_one_of(text, Words3{"false", "False", "FALSE"})) return Value(false);
  const std::string word = lower(text);
  if (is_one_of(word, std::array<std::string_view, 4>{"yes", "no", "on", "off"}))
    return fmt::format("got {}, which some readers take for a boolean; write true or false, or put it in quotes", quoted(text));

  const bool is_signed = text[0] == '+' || text[0] == '-';
  std::string_view magnitude = text.substr(is_signed ? 1 : 0);
  if (is_one_of(lower(magnitude), std::array<std::string_view, 2>{".inf", ".nan"}))
    return fmt::format("got {}, expected a finite number", quoted(text));
  if (has_base_prefix(magnitude)) return fmt::format("got {}, expected a decimal number; write it so, or put it in quotes", quoted(text));
  if (magnitude.find('_') != std::string_view::npos && !magnitude.empty() && is_digit(magnitude[0])) {
    std::string without(magnitude);
    std::erase(without, '_');
    if (number_kind(without) != NumberKind::none)
      return fmt::format("got {}, which some readers take for {}; write it without underscores, or put it in quotes", quoted(text), without);
  }

  const NumberKind kind = number_kind(magnitude);
  if (kind == NumberKind::none) return Value(text);
  if (magnitude.size() > 1 && magnitude[0] == '0' && is_digit(magnitude[1]))
    return fmt::format("got {}, a number with a leading zero, which some readers take for octal; drop the zero, or put it in quotes", quoted(text));
  const std::string_view number = text[0] == '+' ? magnitude : text;  // from_chars knows no plus sign
  if (kind == NumberKind::integer) {
    std::int64_t integer = 0;
    if (parse_whole(number, integer)) return Value(integer);
    return fmt::format("got {}, expected an integer of 64 bits", quoted(text));
  }
  double real = 0;
  if (parse_whole(number, real)) return Value(real);
  return fmt::format("got {}, expected a number that a double can hold", quoted(text));
}

}  // namespace symphony
