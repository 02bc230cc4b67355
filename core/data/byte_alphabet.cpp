// Every character of the alphabet lies below U+0800, so it takes one or two bytes in UTF-8.
#include "core/data/byte_alphabet.hpp"

#include <unordered_map>

namespace symphony {

namespace {

std::string utf8(unsigned code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3F))};
}

std::array<std::string, 256> make_alphabet() {
  std::array<std::string, 256> alphabet;
  unsigned next_free = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    alphabet[byte] = utf8(visible ? byte : next_free++);
  }
  return alphabet;
}

std::unordered_map<std::string, char> make_inverse() {
  std::unordered_map<std::string, char> inverse;
  for (unsigned byte = 0; byte < 256; ++byte) inverse.emplace(byte_alphabet()[byte], static_cast<char>(byte));
  return inverse;
}

}  // namespace

const std::array<std::string, 256>& byte_alphabet() {
  static const std::array<std::string, 256> alphabet = make_alphabet();
  return alphabet;
}

std::string spell_bytes(std::string_view bytes) {
  std::string spelled;
  for (const char byte : bytes) spelled += byte_alphabet()[static_cast<unsigned char>(byte)];
  return spelled;
}

std::optional<std::string> unspell_bytes(std::string_view spelled) {
  static const std::unordered_map<std::string, char> inverse = make_inverse();
  std::string bytes;
  while (!spelled.empty()) {
    const std::size_t length = static_cast<unsigned char>(spelled.front()) < 0x80 ? 1 : 2;
    const auto found = inverse.find(std::string(spelled.substr(0, length)));
    if (found == inverse.end()) return std::nullopt;
    bytes += found->second;
    spelled.remove_prefix(std::min(length, spelled.size()));
  }
  return bytes;
}

}  // namespace symphony
