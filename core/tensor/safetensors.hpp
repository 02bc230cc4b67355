// Safetensors files as tensor sources and sinks: the source maps files and hands out tensors that point into the mapping, the sink lays out
// the header first and streams the tensors into place. safetensors_header.hpp describes the format.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/tensor/mapped_file.hpp"
#include "core/tensor/safetensors_header.hpp"
#include "core/tensor/tensor_sink.hpp"
#include "core/tensor/tensor_source.hpp"

namespace symphony {

class SafetensorsSource final : public TensorSource {
 public:
  /// `path`: a file; or a folder with model.safetensors or, when that is absent, model.safetensors.index.json and the shards it names.
  /// Reads and checks every header, no data. Throws DataError for whatever is wrong with the files.
  explicit SafetensorsSource(const std::filesystem::path& path);

  const std::vector<TensorInfo>& infos() const override { return infos_; }
  /// Points into the mapping, which lives as long as any tensor of it.
  torch::Tensor get(std::string_view name) const override;
  std::string label() const override { return label_; }
  /// Of all files; where shards disagree, the first one's.
  const SafetensorsMetadata& metadata() const { return metadata_; }

 private:
  struct Location {
    std::shared_ptr<const MappedFile> file;
    std::uint64_t offset = 0;  ///< bytes, from the start of the file
  };
  void add_file(const std::filesystem::path& path, std::vector<std::pair<TensorInfo, Location>>& found);
  void add_shards(const std::filesystem::path& index_path, std::vector<std::pair<TensorInfo, Location>>& found);

  std::string label_;
  std::vector<TensorInfo> infos_;
  std::vector<Location> locations_;  ///< of infos_, in its order
  SafetensorsMetadata metadata_;
};

/// Writes one file. It is built under another name in the same folder, made durable and renamed by `finish`; a sink destroyed before
/// that leaves nothing behind.
class SafetensorsSink final : public TensorSink {
 public:
  explicit SafetensorsSink(std::filesystem::path path, SafetensorsMetadata metadata = {});
  ~SafetensorsSink() override;

  void announce(std::vector<TensorInfo> infos) override;
  void put(std::string_view name, const torch::Tensor& tensor) override;
  void finish() override;

 private:
  std::filesystem::path path_;
  SafetensorsHeader header_;
  std::optional<PendingFile> file_;   ///< from announce on
  std::optional<AnnouncedTensors> announced_;
};

}  // namespace symphony
