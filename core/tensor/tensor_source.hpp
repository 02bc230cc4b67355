// Where tensors come from: named, shaped, read one at a time. Everything that merges models is written against this interface, so that
// the memory of a merge is that of a few tensors, not of the models. Implementations: safetensors by mmap, in memory, and views that
// transform on reading (aligned, re-vocabularied, fused, edited); a view may add or drop tensors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/tensor/tensor_rows.hpp"

namespace symphony {

/// Named tensors in sorted order, so that iteration is deterministic.
using TensorMap = std::map<std::string, torch::Tensor, std::less<>>;

struct TensorInfo {
  std::string name;
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<std::int64_t> shape;
};

class TensorSource {
 public:
  virtual ~TensorSource();
  /// All tensors, sorted by name. Stable for the life of the source.
  virtual const std::vector<TensorInfo>& infos() const = 0;
  /// The tensor on the CPU, contiguous, in its stored dtype. It may alias the source's memory: never write into it.
  /// Thread-safe. Throws DataError with the nearest name when there is no such tensor.
  virtual torch::Tensor get(std::string_view name) const = 0;
  /// The same tensor, read by rows: in memory when `get` would only look at it, or when its rows cannot be made one by one. Valid after this source.
  virtual TensorRows by_rows(std::string_view name) const;
  /// What messages call this source: a path, or "aligned view of 'scripture'".
  virtual std::string label() const = 0;

  const TensorInfo* find(std::string_view name) const;
  /// As `find`, or DataError naming this source and the nearest tensor.
  const TensorInfo& info(std::string_view name) const;
  std::vector<std::string> names() const;
};

/// Tensors held in memory.
class MemorySource final : public TensorSource {
 public:
  MemorySource(TensorMap tensors, std::string label);
  const std::vector<TensorInfo>& infos() const override;
  torch::Tensor get(std::string_view name) const override;
  std::string label() const override;
  const TensorMap& tensors() const { return tensors_; }

 private:
  TensorMap tensors_;
  std::vector<TensorInfo> infos_;
  std::string label_;
};

/// Every tensor of `source`, loaded.
TensorMap load_all(const TensorSource& source);

}  // namespace symphony
