// Where tensors go: announced first (names, dtypes, shapes), then put one at a time in any order, then finished. Nothing is visible to a
// reader before `finish`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor_source.hpp"

namespace symphony {

class TensorSink {
 public:
  virtual ~TensorSink();
  /// Once, before the first put. Throws DataError on duplicate names.
  virtual void announce(std::vector<TensorInfo> infos) = 0;
  /// Throws DataError when the tensor was not announced, differs from the announcement in shape or dtype, or was put before.
  virtual void put(std::string_view name, const torch::Tensor& tensor) = 0;
  /// Throws DataError naming the tensors that are missing.
  virtual void finish() = 0;
};

/// What every sink checks: the announcement, each put against it, and that none is missing.
class AnnouncedTensors {
 public:
  /// `label` leads the messages. Throws DataError on duplicate names.
  AnnouncedTensors(std::string label, std::vector<TensorInfo> infos);
  /// The index of `name` in infos(). Throws as TensorSink::put.
  std::size_t accept(std::string_view name, const torch::Tensor& tensor);
  /// Throws as TensorSink::finish.
  void check_complete() const;
  /// Sorted by name.
  const std::vector<TensorInfo>& infos() const { return infos_; }

 private:
  std::string label_;
  std::vector<TensorInfo> infos_;
  std::vector<bool> is_put_;
};

/// Collects tensors in memory; they share memory with what was put.
class MemorySink final : public TensorSink {
 public:
  void announce(std::vector<TensorInfo> infos) override;
  void put(std::string_view name, const torch::Tensor& tensor) override;
  void finish() override;
  /// After finish.
  TensorMap take();

 private:
  std::optional<AnnouncedTensors> announced_;
  TensorMap tensors_;
  bool finished_ = false;
};

/// Streams every tensor of `source` into `sink`, one at a time, and finishes it.
void copy_tensors(const TensorSource& source, TensorSink& sink);

}  // namespace symphony
