// A tensor that is read by rows (entries of its first axis): one in memory, or one that a view makes of some rows at a time, so that what reads it needs the
// memory of a stretch of rows and not of the tensor. Copies share what they hold.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

namespace symphony {

class TensorRows {
 public:
  /// The rows that `index`, int64 [n], lists: [n, ...], contiguous on the CPU.
  using Gather = std::function<torch::Tensor(const torch::Tensor& index)>;

  /// One in memory.
  TensorRows(torch::Tensor whole);  // NOLINT(google-explicit-constructor): a tensor is one
  /// `shape` has at least one axis.
  TensorRows(std::vector<std::int64_t> shape, torch::ScalarType dtype, Gather gather);

  const std::vector<std::int64_t>& shape() const { return shape_; }
  torch::ScalarType dtype() const { return dtype_; }
  bool in_memory() const { return memory_.defined(); }
  std::int64_t num_rows() const { return shape_.empty() ? 1 : shape_.front(); }
  std::uint64_t num_bytes() const;

  /// [count, ...] in its dtype. It may alias memory: never write into it.
  torch::Tensor rows(std::int64_t first, std::int64_t count) const;
  torch::Tensor gather(const torch::Tensor& index) const;
  /// All of it, made where it is not in memory.
  torch::Tensor whole() const;
  /// The rows that `index` lists, read when they are.
  TensorRows select(torch::Tensor index) const;

 private:
  std::vector<std::int64_t> shape_;
  torch::ScalarType dtype_;
  torch::Tensor memory_;
  Gather gather_;
};

/// Calls body(first, parts) for stretches of rows of tensors of one shape, in their order: parts[i] are rows `first` and on of tensors[i]. A stretch has about
/// four million entries of all of them together; tensors that are all in memory are one stretch.
void for_rows(const std::vector<TensorRows>& tensors, const std::function<void(std::int64_t first, const std::vector<torch::Tensor>& parts)>& body);

}  // namespace symphony
