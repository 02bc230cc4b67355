// Any text as an experiment file: a ConfigError, or a tree that survives JSON.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/config/document.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  symphony::Value value;
  try {
    value = symphony::parse_document(text, "fuzz.yaml").value();
  } catch (const symphony::ConfigError&) {
    return 0;
  }
  try {
    if (symphony::parse_json(symphony::to_json(value), "fuzz.json") != value) std::abort();
  } catch (const symphony::DataError&) {
    std::abort();  // a document holds nothing that JSON cannot
  }
  return 0;
}
