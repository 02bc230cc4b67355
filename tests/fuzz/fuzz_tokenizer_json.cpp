// Any text as a tokenizer.json: a DataError, or a tokenizer that encodes, decodes and is written again as it was read; where nothing but bytes counts,
// decoding gives back every byte that has a token.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/data/tokenizer.hpp"

namespace {

/// Nothing is normalised, cut away, added or stood for.
bool only_bytes_count(const symphony::TokenizerSpec& spec) {
  const auto is_plain = [](const auto& step) {
    const auto* bytes = std::get_if<symphony::ByteLevel>(&step);
    return bytes && !bytes->add_prefix_space;
  };
  return spec.is_byte_level() && spec.normalizer.empty() && spec.added.empty() && !spec.unk_token &&
         std::all_of(spec.pre_tokenizer.begin(), spec.pre_tokenizer.end(), is_plain) &&
         std::all_of(spec.decoder.begin(), spec.decoder.end(), [](const auto& step) { return std::holds_alternative<symphony::ByteLevel>(step); });
}

std::string without(std::string text, const std::vector<std::uint8_t>& missing) {
  std::erase_if(text, [&](char byte) { return std::find(missing.begin(), missing.end(), static_cast<std::uint8_t>(byte)) != missing.end(); });
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  std::shared_ptr<const symphony::Tokenizer> tokenizer;
  try {
    tokenizer = symphony::parse_tokenizer(json, "fuzz.json");
  } catch (const symphony::DataError&) {
    return 0;
  }
  const std::string text = "It's 12345  \r\n na\xc3\xafve \xe2\x96\x81 \xf0\x9f\x98\x80 <s> a\xff" + std::string(json.substr(0, 64));
  const auto ids = tokenizer->encode(text);
  const std::string decoded = tokenizer->decode(ids);
  if (only_bytes_count(tokenizer->spec()) && decoded != without(text, tokenizer->missing_bytes())) std::abort();
  const std::string written = tokenizer->to_json();
  const auto again = symphony::parse_tokenizer(written, "again.json");
  if (again->to_json() != written || again->encode(text) != ids) std::abort();
  return 0;
}
