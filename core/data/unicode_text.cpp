// Properties come from ICU; those of the basic plane from a table, because every character of every text is asked for.
#include "core/data/unicode_text.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

CharClass looked_up(char32_t character) {
  const auto code = static_cast<UChar32>(character);
  if (u_isUWhiteSpace(code)) return CharClass::space;
  const auto category = static_cast<std::uint32_t>(U_GET_GC_MASK(code));
  if (category & static_cast<std::uint32_t>(U_GC_L_MASK)) return CharClass::letter;
  return category & static_cast<std::uint32_t>(U_GC_N_MASK) ? CharClass::number : CharClass::other;
}

constexpr std::size_t kBasicPlane = 0x10000;

std::unique_ptr<std::array<CharClass, kBasicPlane>> make_table() {
  auto table = std::make_unique<std::array<CharClass, kBasicPlane>>();
  for (std::size_t code = 0; code < kBasicPlane; ++code) (*table)[code] = looked_up(static_cast<char32_t>(code));
  return table;
}

const icu::Normalizer2* normalizer_of(std::string_view form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = nullptr;
  if (form == "NFC") found = icu::Normalizer2::getNFCInstance(status);
  else if (form == "NFD") found = icu::Normalizer2::getNFDInstance(status);
  else if (form == "NFKC") found = icu::Normalizer2::getNFKCInstance(status);
  else if (form == "NFKD") found = icu::Normalizer2::getNFKDInstance(status);
  if (U_FAILURE(status)) fail<DataError>("unicode", "ICU has no data for {}: {}", form, u_errorName(status));
  return found;
}

}  // namespace

Utf8Char utf8_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[at + index]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || size > text.size() - at) return {};
  char32_t value = lead & (0x7Fu >> size);
  for (std::size_t index = 1; index < size; ++index) {
    if ((byte(index) & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte(index) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[size] || value > 0x10FFFF || surrogate) return {};
  return {value, size, true};
}

CharClass char_class(char32_t character) {
  static const auto table = make_table();
  return character < kBasicPlane ? (*table)[character] : looked_up(character);
}

bool is_word_char(char32_t character) {
  const auto code = static_cast<UChar32>(character);
  constexpr std::uint32_t kCategories = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_isUAlphabetic(code) || (static_cast<std::uint32_t>(U_GET_GC_MASK(code)) & kCategories) || u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL);
}

bool is_unicode_form(std::string_view form) { return normalizer_of(form) != nullptr; }

std::string unicode_normalized(std::string_view text, std::string_view form) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
  if (ascii) return std::string(text);
  const icu::Normalizer2* normalizer = normalizer_of(form);
  SYMPHONY_ASSERT(normalizer);
  std::string result;
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    UErrorCode status = U_ZERO_ERROR;
    icu::StringByteSink<std::string> sink(&result);
    normalizer->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(valid)), sink, nullptr, status);
    if (U_FAILURE(status)) fail<DataError>("unicode", "cannot bring {} bytes into {}: {}", valid, form, u_errorName(status));
    text.remove_prefix(valid);
    if (text.empty()) break;
    result += text.front();
    text.remove_prefix(1);
  }
  return result;
}

}  // namespace symphony
