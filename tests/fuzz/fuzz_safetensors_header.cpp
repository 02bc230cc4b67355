// Any bytes as a safetensors file: a DataError, or a header whose every entry lies inside the file and is written again as it was read.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/base/error.hpp"
#include "core/tensor/safetensors_header.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  symphony::SafetensorsHeader header;
  try {
    header = symphony::parse_safetensors_header(file, "fuzz");
  } catch (const symphony::DataError&) {
    return 0;
  }
  std::uint64_t covered = 0;
  for (const symphony::SafetensorsEntry& entry : header.entries) {
    if (entry.begin > entry.end || header.data_start + entry.end > size) std::abort();
    covered += entry.end - entry.begin;
  }
  if (header.data_start + covered != size) std::abort();
  const std::string again = symphony::encode_safetensors_header(header, "fuzz") + std::string(file.substr(header.data_start));
  const symphony::SafetensorsHeader reread = symphony::parse_safetensors_header(again, "fuzz");
  if (reread.entries.size() != header.entries.size() || reread.metadata != header.metadata) std::abort();
  return 0;
}
