// Elements of the symmetry groups of one axis. Monomials are index gathers and sign flips, so they compose, invert and apply exactly in every
// dtype; dense elements are kept and multiplied in float64 (float32 products of 2000 x 2000 rotations lose orthogonality at the 1e-4 level,
// methods-alignment 11).
#include "core/align/transform.hpp"

#include <algorithm>
#include <numeric>

#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr double kOrthogonalityTolerance = 1e-5;

void check_bijection(const std::vector<std::int64_t>& perm) {
  const auto size = static_cast<std::int64_t>(perm.size());
  std::vector<bool> seen(perm.size(), false);
  for (std::int64_t slot = 0; slot < size; ++slot) {
    const std::int64_t unit = perm[static_cast<std::size_t>(slot)];
    if (unit < 0 || unit >= size) fail<NumericError>("transform", "perm[{}] is {}, expected a unit in 0..{}", slot, unit, size - 1);
    if (seen[static_cast<std::size_t>(unit)])
      fail<NumericError>("transform", "perm[{}] is {}, which another slot already holds; expected each of {} units once", slot, unit, size);
    seen[static_cast<std::size_t>(unit)] = true;
  }
}

void check_signs(const std::vector<std::int8_t>& sign, std::size_t size) {
  if (sign.size() != size) fail<NumericError>("transform", "got {} signs for {} units", sign.size(), size);
  for (std::size_t slot = 0; slot < size; ++slot)
    if (sign[slot] != 1 && sign[slot] != -1) fail<NumericError>("transform", "sign[{}] is {}, expected -1 or +1", slot, int{sign[slot]});
}

/// The row index of every entry of an axis whose units are blocks of consecutive entries.
torch::Tensor block_index(const std::vector<std::int64_t>& perm, std::int64_t block) {
  const torch::Tensor units = torch::tensor(perm, torch::kInt64);
  return (units.unsqueeze(1) * block + torch::arange(block, torch::kInt64)).reshape({-1});
}

std::vector<std::int64_t> integers(const Value& value, const std::string& where) {
  std::vector<std::int64_t> result;
  for (const Value& item : value.as_list()) {
    if (!item.is_int()) fail<DataError>(where, "expected a list of integers, got {} in it", item.describe());
    result.push_back(item.as_int());
  }
  return result;
}

const Value& required_list(const Value& value, std::string_view key, const std::string& where) {
  const Value* found = value.find(key);
  if (!found || !found->is_list()) fail<DataError>(where, "a transform needs a list '{}'", key);
  return *found;
}

}  // namespace

Transform Transform::identity(std::int64_t size) {
  std::vector<std::int64_t> perm(static_cast<std::size_t>(size));
  std::iota(perm.begin(), perm.end(), 0);
  return monomial(std::move(perm));
}

Transform Transform::monomial(std::vector<std::int64_t> perm, std::vector<std::int8_t> sign) {
  check_bijection(perm);
  if (sign.empty()) sign.assign(perm.size(), 1);
  check_signs(sign, perm.size());
  Transform result;
  result.perm_ = std::move(perm);
  result.sign_ = std::move(sign);
  return result;
}

Transform Transform::orthogonal(torch::Tensor matrix) {
  if (matrix.dim() != 2 || matrix.size(0) != matrix.size(1))
    fail<NumericError>("transform", "an orthogonal matrix is square, got {} dimensions, {} entries", matrix.dim(), matrix.numel());
  matrix = matrix.to(torch::kCPU, torch::kFloat64).contiguous();
  const double error = (matrix.mm(matrix.t()) - torch::eye(matrix.size(0), torch::kFloat64)).abs().max().item<double>();
  if (!(error <= kOrthogonalityTolerance))
    fail<NumericError>("transform", "max|Q Q^T - I| is {:.3g}, expected at most {:.0e}", error, kOrthogonalityTolerance);
  Transform result;
  result.matrix_ = std::move(matrix);
  return result;
}

std::int64_t Transform::size() const { return is_monomial() ? static_cast<std::int64_t>(perm_.size()) : matrix_.size(0); }

bool Transform::is_identity() const {
  if (!is_monomial()) return torch::equal(matrix_, torch::eye(size(), torch::kFloat64));
  return count_moved() == 0 && count_negative() == 0;
}

torch::Tensor Transform::dense() const {
  if (!is_monomial()) return matrix_;
  torch::Tensor matrix = torch::zeros({size(), size()}, torch::kFloat64);
  auto entries = matrix.accessor<double, 2>();
  for (std::size_t slot = 0; slot < perm_.size(); ++slot) entries[static_cast<std::int64_t>(slot)][perm_[slot]] = sign_[slot];
  return matrix;
}

Transform Transform::after(const Transform& first) const {
  if (size() != first.size()) fail<NumericError>("transform", "cannot compose sizes {} and {}", size(), first.size());
  if (!is_monomial() || !first.is_monomial()) return orthogonal(dense().mm(first.dense()));
  Transform result = *this;
  for (std::size_t slot = 0; slot < perm_.size(); ++slot) {
    const auto middle = static_cast<std::size_t>(perm_[slot]);
    result.perm_[slot] = first.perm_[middle];
    result.sign_[slot] = static_cast<std::int8_t>(sign_[slot] * first.sign_[middle]);
  }
  return result;
}

Transform Transform::inverse() const {
  Transform result = *this;
  if (!is_monomial()) {
    result.matrix_ = matrix_.t().contiguous();
    return result;
  }
  for (std::size_t slot = 0; slot < perm_.size(); ++slot) {
    const auto unit = static_cast<std::size_t>(perm_[slot]);
    result.perm_[unit] = static_cast<std::int64_t>(slot);
    result.sign_[unit] = sign_[slot];
  }
  return result;
}

torch::Tensor Transform::apply(const torch::Tensor& tensor, std::int64_t axis, std::int64_t block, bool with_signs) const {
  if (axis < 0 || axis >= tensor.dim() || tensor.size(axis) != size() * block)
    fail<NumericError>("transform", "axis {} of a tensor with {} dimensions and {} entries, expected {} units of {}", axis, tensor.dim(),
                       tensor.numel(), size(), block);
  if (!is_monomial()) {
    SYMPHONY_ASSERT(with_signs);  // a rotation has no unsigned part: whoever applies it to a gain must fold first
    const torch::Tensor units = tensor.to(torch::kFloat64).movedim(axis, 0).contiguous();
    const torch::Tensor rotated = matrix_.to(tensor.device()).mm(units.reshape({size(), -1})).reshape(units.sizes());
    return rotated.movedim(0, axis).to(tensor.scalar_type()).contiguous();
  }
  torch::Tensor result = tensor;
  if (count_moved() > 0) result = tensor.index_select(axis, block_index(perm_, block).to(tensor.device()));
  if (!with_signs || count_negative() == 0) return result;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(tensor.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = size() * block;
  const torch::Tensor signs = torch::tensor(std::vector<std::int64_t>(sign_.begin(), sign_.end()), torch::kInt64).repeat_interleave(block);
  return result * signs.reshape(shape).to(tensor.device(), tensor.scalar_type());
}

std::int64_t Transform::count_moved() const {
  if (!is_monomial()) return is_identity() ? 0 : size();
  std::int64_t moved = 0;
  for (std::size_t slot = 0; slot < perm_.size(); ++slot) moved += perm_[slot] != static_cast<std::int64_t>(slot);
  return moved;
}

std::int64_t Transform::count_negative() const { return std::count(sign_.begin(), sign_.end(), std::int8_t{-1}); }

Value Transform::to_value() const {
  Value value{ValueMap{}};
  if (!is_monomial()) {
    ValueList entries;
    const torch::Tensor flat = matrix_.reshape({-1});
    for (std::int64_t entry = 0; entry < flat.numel(); ++entry) entries.emplace_back(flat.data_ptr<double>()[entry]);
    value.set("size", size());
    value.set("matrix", std::move(entries));
    return value;
  }
  value.set("perm", ValueList(perm_.begin(), perm_.end()));
  if (count_negative() > 0) {
    ValueList signs;
    for (const std::int8_t sign : sign_) signs.emplace_back(int{sign});
    value.set("sign", std::move(signs));
  }
  return value;
}

Transform Transform::from_value(const Value& value, const std::string& where) {
  if (!value.is_map()) fail<DataError>(where, "a transform is a map with 'perm' or 'matrix', got {}", value.describe());
  if (!value.find("matrix")) {
    std::vector<std::int8_t> sign;
    if (value.find("sign"))
      for (const std::int64_t item : integers(required_list(value, "sign", where), where)) sign.push_back(item == 1 ? 1 : item == -1 ? -1 : 0);
    return monomial(integers(required_list(value, "perm", where), where), std::move(sign));
  }
  const ValueList& list = required_list(value, "matrix", where).as_list();
  const Value* size = value.find("size");
  const auto expected = size && size->is_int() && size->as_int() > 0 ? size->as_int() : 0;
  if (expected == 0 || static_cast<std::int64_t>(list.size()) != expected * expected)
    fail<DataError>(where, "a transform's 'matrix' has {} entries, expected size x size with size {}", list.size(), expected);
  std::vector<double> entries;
  for (const Value& item : list) {
    if (!item.is_number()) fail<DataError>(where, "expected a list of numbers, got {} in it", item.describe());
    entries.push_back(item.as_double());
  }
  return orthogonal(torch::tensor(entries, torch::kFloat64).reshape({expected, expected}));
}

TransformSet compose(const TransformSet& later, const TransformSet& first) {
  TransformSet result = first;
  for (const auto& [group, transform] : later) {
    const auto found = first.find(group);
    result.insert_or_assign(group, found == first.end() ? transform : transform.after(found->second));
  }
  return result;
}

TransformSet inverse(const TransformSet& set) {
  TransformSet result;
  for (const auto& [group, transform] : set) result.emplace(group, transform.inverse());
  return result;
}

}  // namespace symphony
