// One file, or shards and their index.
#include "core/tensor/safetensors_shards.hpp"

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

namespace {

std::uint64_t num_bytes(const TensorInfo& info) {
  std::uint64_t bytes = torch::elementSize(info.dtype);
  for (const std::int64_t size : info.shape) bytes *= static_cast<std::uint64_t>(size);
  return bytes;
}

/// Tensors a file, in order.
std::vector<std::vector<TensorInfo>> shards_of(const std::vector<TensorInfo>& infos, std::uint64_t max_file_bytes) {
  std::vector<std::vector<TensorInfo>> shards(1);
  std::uint64_t held = 0;
  for (const TensorInfo& info : infos) {
    const std::uint64_t bytes = num_bytes(info);
    if (max_file_bytes > 0 && !shards.back().empty() && held + bytes > max_file_bytes) {
      shards.emplace_back();
      held = 0;
    }
    shards.back().push_back(info);
    held += bytes;
  }
  return shards;
}

}  // namespace

void write_safetensors(const std::filesystem::path& directory, const TensorSource& source, const SafetensorsMetadata& metadata,
                       std::uint64_t max_file_bytes, const ByteProgress& progress) {
  const auto shards = shards_of(source.infos(), max_file_bytes);
  Value weight_map = ValueMap{};
  std::uint64_t total = 0, written = 0;
  for (const TensorInfo& info : source.infos()) total += num_bytes(info);
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    const std::string file = shards.size() == 1 ? std::string("model.safetensors")
                                                : fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shards.size());
    SafetensorsSink sink(directory / file, metadata);
    sink.announce(shards[shard]);
    for (const TensorInfo& info : shards[shard]) {
      sink.put(info.name, source.get(info.name));
      weight_map.set(info.name, file);
      written += num_bytes(info);
      if (progress) progress(written, total);
    }
    sink.finish();
  }
  if (shards.size() == 1) return;
  const Value index = ValueMap{{"metadata", ValueMap{{"total_size", static_cast<std::int64_t>(total)}}}, {"weight_map", std::move(weight_map)}};
  atomic_write(directory / "model.safetensors.index.json", to_json(index, 2) + "\n");
}

}  // namespace symphony
