// Transforms as named tensors. What is read was checked when it was made: a change of basis is not put through its singular values again, which takes
// minutes at the width of a large model.
#include "core/align/transform.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

template <typename Number>
std::vector<Number> numbers(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.contiguous();
  return {flat.data_ptr<Number>(), flat.data_ptr<Number>() + flat.numel()};
}

/// The tensor of one kind of entries, with that many axes.
torch::Tensor checked(const TensorMap& tensors, const char* name, torch::ScalarType dtype, std::int64_t num_axes, const std::string& where) {
  const torch::Tensor& tensor = tensors.find(name)->second;
  if (tensor.scalar_type() != dtype || tensor.dim() != num_axes)
    fail<DataError>(where, "'{}' of a transform is {} {}, expected {} with {} axes", name, torch::toString(tensor.scalar_type()), shape_text(tensor.sizes()),
                    torch::toString(dtype), num_axes);
  if (!tensor.isfinite().all().item<bool>()) fail<DataError>(where, "'{}' of a transform holds a NaN or an infinity, expected finite numbers", name);
  return tensor;
}

}  // namespace

TensorMap Transform::to_tensors() const {
  if (is_mixing()) return {{"mixing", entries_.squeeze(0)}};
  if (kind_ == TransformKind::blocks) return {{"blocks", entries_}};
  if (kind_ == TransformKind::pairs) return {{"pairs", torch::view_as_real(entries_).contiguous()}};
  TensorMap tensors{{"perm", torch::tensor(perm_, torch::kInt64)}};
  if (count_negative() > 0) tensors["sign"] = torch::tensor(std::vector<std::int64_t>(sign_.begin(), sign_.end()), torch::kInt8);
  if (!scale_.empty()) tensors["scale"] = torch::tensor(scale_, torch::kFloat64);
  return tensors;
}

Transform Transform::from_tensors(const TensorMap& tensors, const std::string& where) {
  Transform result;
  if (tensors.contains("mixing")) return mixing(checked(tensors, "mixing", torch::kFloat64, 2, where));
  if (tensors.contains("pairs")) return pairs(torch::view_as_complex(checked(tensors, "pairs", torch::kFloat64, 3, where).contiguous()));
  if (tensors.contains("blocks")) {
    result.kind_ = TransformKind::blocks;
    result.entries_ = checked(tensors, "blocks", torch::kFloat64, 3, where).contiguous();
    if (result.entries_.size(1) != result.entries_.size(2))
      fail<DataError>(where, "'blocks' of a transform is {}, expected square matrices", shape_text(result.entries_.sizes()));
    return result;
  }
  if (!tensors.contains("perm")) fail<DataError>(where, "a transform has neither 'perm' nor 'blocks', 'pairs' or 'mixing'");
  std::vector<std::int8_t> sign;
  std::vector<double> scale;
  if (tensors.contains("sign")) sign = numbers<std::int8_t>(checked(tensors, "sign", torch::kInt8, 1, where));
  if (tensors.contains("scale")) scale = numbers<double>(checked(tensors, "scale", torch::kFloat64, 1, where));
  return monomial(numbers<std::int64_t>(checked(tensors, "perm", torch::kInt64, 1, where)), std::move(sign), std::move(scale));
}

}  // namespace symphony
