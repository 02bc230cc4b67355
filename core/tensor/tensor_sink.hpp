// Where tensors go: announced first (names, dtypes, shapes), then put one at a time in any order, then finished. Nothing is visible to a
// reader before `finish`.
#pragma once

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

/// Collects tensors in memory.
class MemorySink final : public TensorSink {
 public:
  void announce(std::vector<TensorInfo> infos) override;
  void put(std::string_view name, const torch::Tensor& tensor) override;
  void finish() override;
  /// After finish.
  TensorMap take();

 private:
  std::vector<TensorInfo> infos_;
  TensorMap tensors_;
};

/// Streams every tensor of `source` into `sink`, one at a time, and finishes it.
void copy_tensors(const TensorSource& source, TensorSink& sink);

}  // namespace symphony
