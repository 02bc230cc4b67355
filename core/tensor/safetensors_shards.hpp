// Models of more than one file: shards and the index that transformers reads,
//   model-00001-of-00003.safetensors, ..., model.safetensors.index.json = { "metadata": { "total_size": .. }, "weight_map": { tensor: file } }
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "core/tensor/safetensors_header.hpp"

namespace symphony {

/// Called after every tensor with the bytes that are written and all that there are; may throw to stop.
using ByteProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Streams every tensor of `source` into `directory`: model.safetensors, or, when the tensors take more than `max_file_bytes` (0: no limit),
/// shards of at most that many bytes of tensors, in the order of names (one tensor that is larger has a shard of its own), and their index.
void write_safetensors(const std::filesystem::path& directory, const TensorSource& source, const SafetensorsMetadata& metadata,
                       std::uint64_t max_file_bytes = 0, const ByteProgress& progress = {});

}  // namespace symphony
