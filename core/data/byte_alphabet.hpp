// The printable alphabet in which byte-level BPE files spell bytes (GPT-2, Radford et al. 2019, released encoder): bytes that are visible in
// Latin-1 stand for themselves, the others follow from U+0100 in order.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace symphony {

/// The UTF-8 spelling of each byte's character.
const std::array<std::string, 256>& byte_alphabet();

std::string spell_bytes(std::string_view bytes);
/// Inverse of `spell_bytes`; nothing when a character is outside the alphabet.
std::optional<std::string> unspell_bytes(std::string_view spelled);

}  // namespace symphony
