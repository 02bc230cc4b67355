// Unicode as tokenizers see it, over bytes that need not be UTF-8: a byte that belongs to no character counts as one of its own, like U+FFFD.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace symphony {

inline constexpr char32_t kReplacementChar = 0xFFFD;

struct Utf8Char {
  char32_t value = kReplacementChar;
  std::size_t size = 1;  ///< bytes
  bool valid = false;
};
/// The character that starts at `at` < text.size().
Utf8Char utf8_at(std::string_view text, std::size_t at);

/// General category L*, N*, property White_Space, and everything else.
enum class CharClass : std::uint8_t { other, letter, number, space };
CharClass char_class(char32_t character);

/// Letters, marks, decimal digits, connectors and joiners: \w of Unicode's technical standard 18.
bool is_word_char(char32_t character);

/// `form` is one of NFC, NFD, NFKC, NFKD; bytes that are not UTF-8 stay where they are.
std::string unicode_normalized(std::string_view text, std::string_view form);
bool is_unicode_form(std::string_view form);

}  // namespace symphony
