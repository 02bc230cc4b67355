// Any text as a tokenizer.json: a DataError, or a tokenizer that encodes, decodes and is written again as it was read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/data/tokenizer.hpp"

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
  tokenizer->decode(ids);
  const std::string written = tokenizer->to_json();
  const auto again = symphony::parse_tokenizer(written, "again.json");
  if (again->to_json() != written || again->encode(text) != ids) std::abort();
  return 0;
}
