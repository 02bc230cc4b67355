// Rows in memory are looked at, others are made.
#include "core/tensor/tensor_rows.hpp"

#include <algorithm>

#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kEntriesAtOnce = std::int64_t{1} << 22;

std::int64_t rows_at_once(const std::vector<TensorRows>& tensors) {
  const TensorRows& one = tensors.front();
  const std::int64_t entries_a_row = std::max<std::int64_t>(1, c10::multiply_integers(one.shape()) / std::max<std::int64_t>(1, one.num_rows()));
  return std::max<std::int64_t>(1, kEntriesAtOnce / entries_a_row / static_cast<std::int64_t>(tensors.size()));
}

}  // namespace

TensorRows::TensorRows(torch::Tensor whole) : shape_(whole.sizes().vec()), dtype_(whole.scalar_type()), memory_(std::move(whole)) {}

TensorRows::TensorRows(std::vector<std::int64_t> shape, torch::ScalarType dtype, Gather gather)
    : shape_(std::move(shape)), dtype_(dtype), gather_(std::move(gather)) {
  SYMPHONY_ASSERT(!shape_.empty());
}

std::uint64_t TensorRows::num_bytes() const { return torch::elementSize(dtype_) * static_cast<std::uint64_t>(c10::multiply_integers(shape_)); }

torch::Tensor TensorRows::gather(const torch::Tensor& index) const {
  if (in_memory()) return memory_.index_select(0, index);
  torch::Tensor made = gather_(index);
  SYMPHONY_ASSERT(made.scalar_type() == dtype_ && made.dim() == static_cast<std::int64_t>(shape_.size()) && made.size(0) == index.numel());
  return made;
}

torch::Tensor TensorRows::rows(std::int64_t first, std::int64_t count) const {
  if (!in_memory()) return gather(torch::arange(first, first + count, torch::kInt64));
  return first == 0 && count == num_rows() ? memory_ : memory_.narrow(0, first, count);
}

torch::Tensor TensorRows::whole() const {
  if (in_memory()) return memory_;
  torch::Tensor all = torch::empty(shape_, dtype_);
  for_rows({*this}, [&](std::int64_t first, const std::vector<torch::Tensor>& parts) { all.narrow(0, first, parts.front().size(0)).copy_(parts.front()); });
  return all;
}

TensorRows TensorRows::select(torch::Tensor index) const {
  std::vector<std::int64_t> shape = shape_;
  shape.at(0) = index.numel();
  return {std::move(shape), dtype_, [from = *this, index = std::move(index)](const torch::Tensor& places) { return from.gather(index.index_select(0, places)); }};
}

void for_rows(const std::vector<TensorRows>& tensors, const std::function<void(std::int64_t first, const std::vector<torch::Tensor>& parts)>& body) {
  SYMPHONY_ASSERT(!tensors.empty());
  const TensorRows& one = tensors.front();
  for (const TensorRows& tensor : tensors) SYMPHONY_ASSERT(tensor.shape() == one.shape());
  const bool in_memory = std::all_of(tensors.begin(), tensors.end(), [](const TensorRows& tensor) { return tensor.in_memory(); });
  const std::int64_t step = in_memory ? std::max<std::int64_t>(1, one.num_rows()) : rows_at_once(tensors);
  for (std::int64_t first = 0; first < one.num_rows(); first += step) {
    const std::int64_t count = std::min(step, one.num_rows() - first);
    std::vector<torch::Tensor> parts;
    for (const TensorRows& tensor : tensors) parts.push_back(tensor.rows(first, count));
    body(first, parts);
  }
}

}  // namespace symphony
