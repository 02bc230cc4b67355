// The header of a safetensors file, apart from the file: 8 bytes little-endian N, then N bytes of JSON
//   { "__metadata__": { key: string }, name: { "dtype": "F32", "shape": [..], "data_offsets": [begin, end] }, ... }
// padded with spaces, then the tensors' bytes, little-endian and row-major, without gaps. Offsets count from the end of the header.
// Format: https://github.com/huggingface/safetensors, README section "Format".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor_source.hpp"

namespace symphony {

using SafetensorsMetadata = std::map<std::string, std::string>;

struct SafetensorsEntry {
  TensorInfo info;
  std::uint64_t begin = 0, end = 0;  ///< bytes, from the start of the file's data section
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< sorted by name
  SafetensorsMetadata metadata;
  std::uint64_t data_start = 0;           ///< bytes, from the start of the file
};

inline constexpr std::uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

/// "F32" and the like, for the dtypes that files can hold: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL. Throws DataError for others.
std::string safetensors_dtype_name(torch::ScalarType dtype, std::string_view where);

/// Parses and checks the header of the file whose bytes are `file`: afterwards every entry lies inside the file, is aligned to its element
/// size, has exactly the bytes of its shape, and the entries tile the data section. Throws DataError led by `where` otherwise.
SafetensorsHeader parse_safetensors_header(std::string_view file, std::string_view where);

/// Lays tensors out, the widest element types first so that all are aligned, by name among equals; data_start is a multiple of 8.
SafetensorsHeader plan_safetensors(const std::vector<TensorInfo>& infos, SafetensorsMetadata metadata, std::string_view where);

/// The bytes of the file before its data section, `header.data_start` of them.
std::string encode_safetensors_header(const SafetensorsHeader& header, std::string_view where);

}  // namespace symphony
