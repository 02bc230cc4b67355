// Steps before a fuse look at one token, those after it at the text.
#include "core/data/token_decoder.hpp"

#include <algorithm>
#include <charconv>

#include "core/data/byte_alphabet.hpp"
#include "core/data/text_pieces.hpp"

namespace symphony {

namespace {

std::string stripped(std::string text, const DecodeStrip& strip) {
  std::size_t begin = 0, end = text.size();
  for (std::int64_t count = 0; count < strip.start && text.compare(begin, strip.content.size(), strip.content) == 0 && begin < end; ++count) begin += strip.content.size();
  for (std::int64_t count = 0; count < strip.stop && end - begin >= strip.content.size(); ++count) {
    if (text.compare(end - strip.content.size(), strip.content.size(), strip.content) != 0) break;
    end -= strip.content.size();
  }
  return text.substr(begin, end - begin);
}

std::string without_metaspace(const std::string& token, const Metaspace& metaspace, bool first) {
  const bool drops = first && metaspace.prepend != PrependScheme::never;
  return normalized_text({ReplaceText{metaspace.replacement, drops ? "" : " "}}, token);
}

}  // namespace

std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(value);
}

TokenDecoder::TokenDecoder(std::vector<DecoderStep> steps) : steps_(std::move(steps)) {
  const auto fuse = std::find_if(steps_.begin(), steps_.end(), [](const DecoderStep& step) { return std::holds_alternative<DecodeFuse>(step); });
  fuse_idx_ = static_cast<std::size_t>(fuse - steps_.begin());
}

bool TokenDecoder::first_differs() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const DecoderStep& step) { return std::holds_alternative<Metaspace>(step); });
}

std::string TokenDecoder::bytes_of(const std::string& token, bool first) const {
  std::string text = token;
  bool is_bytes = false;  // what a byte token stands for is text no longer
  for (std::size_t step_idx = 0; step_idx < fuse_idx_ && !is_bytes; ++step_idx) {
    const DecoderStep& step = steps_[step_idx];
    if (std::holds_alternative<ByteLevel>(step)) text = unspell_bytes(text).value_or(text);
    else if (const auto* replace = std::get_if<ReplaceText>(&step)) text = normalized_text({*replace}, text);
    else if (const auto* strip = std::get_if<DecodeStrip>(&step)) text = stripped(std::move(text), *strip);
    else if (const auto* metaspace = std::get_if<Metaspace>(&step)) text = without_metaspace(text, *metaspace, first);
    else if (const auto byte = fallback_byte(text)) text.assign(1, *byte), is_bytes = true;
  }
  return text;
}

std::string TokenDecoder::finished(std::string text) const {
  for (std::size_t step_idx = fuse_idx_; step_idx < steps_.size(); ++step_idx)
    if (const auto* strip = std::get_if<DecodeStrip>(&steps_[step_idx])) text = stripped(std::move(text), *strip);
  return text;
}

}  // namespace symphony
