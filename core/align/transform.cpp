// Elements of the symmetry groups of one axis, and mixings. Permutations and signs are index gathers and sign flips, so they compose, invert and apply exactly
// in every dtype; everything else is kept and multiplied in float64 (float32 products of 2000 x 2000 rotations lose orthogonality at the 1e-4
// level, methods-alignment 11).
#include "core/align/transform.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr double kOrthogonalityTolerance = 1e-5;
constexpr double kLargestCondition = 1e4;
constexpr double kShareTolerance = 1e-6;

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

void check_scales(const std::vector<double>& scale, std::size_t size) {
  if (scale.size() != size) fail<NumericError>("transform", "got {} scales for {} units", scale.size(), size);
  for (std::size_t slot = 0; slot < size; ++slot)
    if (!(scale[slot] > 0) || !std::isfinite(scale[slot]))
      fail<NumericError>("transform", "scale[{}] is {}, expected a finite positive number", slot, scale[slot]);
}

std::vector<std::int64_t> counting(std::int64_t size) {
  std::vector<std::int64_t> units(static_cast<std::size_t>(size));
  std::iota(units.begin(), units.end(), 0);
  return units;
}

/// The row index of every entry of an axis whose units are blocks of consecutive entries.
torch::Tensor block_index(const std::vector<std::int64_t>& perm, std::int64_t block) {
  const torch::Tensor units = torch::tensor(perm, torch::kInt64);
  return (units.unsqueeze(1) * block + torch::arange(block, torch::kInt64)).reshape({-1});
}

bool all_one(const std::vector<double>& scale) {
  return std::all_of(scale.begin(), scale.end(), [](double value) { return value == 1.0; });
}

}  // namespace

Transform Transform::identity(std::int64_t size) { return monomial(counting(size)); }

Transform Transform::monomial(std::vector<std::int64_t> perm, std::vector<std::int8_t> sign, std::vector<double> scale) {
  check_bijection(perm);
  if (sign.empty()) sign.assign(perm.size(), 1);
  check_signs(sign, perm.size());
  if (!scale.empty()) check_scales(scale, perm.size());
  Transform result;
  result.perm_ = std::move(perm);
  result.sign_ = std::move(sign);
  if (!all_one(scale)) result.scale_ = std::move(scale);
  return result;
}

Transform Transform::diagonal(const torch::Tensor& factors) {
  const torch::Tensor values = factors.to(torch::kCPU, torch::kFloat64).contiguous();
  std::vector<std::int8_t> sign;
  std::vector<double> scale;
  for (std::int64_t slot = 0; slot < values.numel(); ++slot) {
    const double value = values.data_ptr<double>()[slot];
    sign.push_back(value < 0 ? -1 : 1);
    scale.push_back(std::abs(value));
  }
  return monomial(counting(values.numel()), std::move(sign), std::move(scale));
}

Transform Transform::orthogonal(torch::Tensor matrix) {
  if (matrix.dim() != 2 || matrix.size(0) != matrix.size(1))
    fail<NumericError>("transform", "an orthogonal matrix is square, got {} dimensions, {} entries", matrix.dim(), matrix.numel());
  matrix = matrix.to(torch::kCPU, torch::kFloat64).contiguous();
  const double error = (matrix.mm(matrix.t()) - torch::eye(matrix.size(0), torch::kFloat64)).abs().max().item<double>();
  if (!(error <= kOrthogonalityTolerance))
    fail<NumericError>("transform", "max|Q Q^T - I| is {:.3g}, expected at most {:.0e}", error, kOrthogonalityTolerance);
  Transform result;
  result.kind_ = TransformKind::blocks;
  result.entries_ = matrix.unsqueeze(0);
  return result;
}

Transform Transform::blocks(torch::Tensor matrices_BKK) {
  if (matrices_BKK.dim() != 3 || matrices_BKK.size(1) != matrices_BKK.size(2))
    fail<NumericError>("transform", "changes of basis are square matrices [B, K, K], got {} dimensions, {} entries", matrices_BKK.dim(),
                       matrices_BKK.numel());
  Transform result;
  result.kind_ = TransformKind::blocks;
  result.entries_ = matrices_BKK.to(torch::kCPU, torch::kFloat64).contiguous();
  if (!result.entries_.isfinite().all().item<bool>()) fail<NumericError>("transform", "a change of basis holds a NaN or an infinity");
  const torch::Tensor values = torch::linalg_svdvals(result.entries_);
  const double condition = (values.amax(1) / values.amin(1)).max().item<double>();
  if (!(condition <= kLargestCondition))
    fail<NumericError>("transform", "a change of basis has condition number {:.3g}, expected at most {:.0e}", condition, kLargestCondition);
  return result;
}

Transform Transform::pairs(torch::Tensor factors_BP) {
  if (factors_BP.dim() != 2 || !factors_BP.is_complex())
    fail<NumericError>("transform", "factors of rotary pairs are complex [B, P], got {} dimensions, {}", factors_BP.dim(),
                       torch::toString(factors_BP.scalar_type()));
  Transform result;
  result.kind_ = TransformKind::pairs;
  result.entries_ = factors_BP.to(torch::kCPU, torch::kComplexDouble).contiguous();
  const torch::Tensor magnitude = result.entries_.abs();
  if (!magnitude.isfinite().all().item<bool>() || !(magnitude.min().item<double>() > 0))
    fail<NumericError>("transform", "a factor of a rotary pair is zero or not finite");
  return result;
}

Transform Transform::mixing(torch::Tensor shares_nn) {
  if (shares_nn.dim() != 2 || shares_nn.size(0) != shares_nn.size(1))
    fail<NumericError>("transform", "shares of units are a square matrix, got {} dimensions, {} entries", shares_nn.dim(), shares_nn.numel());
  Transform result;
  result.kind_ = TransformKind::mixing;
  result.entries_ = shares_nn.to(torch::kCPU, torch::kFloat64).contiguous().unsqueeze(0);
  const torch::Tensor errors = (result.entries_[0].abs().sum(1) - 1).abs();
  for (std::int64_t slot = 0; slot < errors.size(0); ++slot)
    if (const double error = errors.data_ptr<double>()[slot]; !(error <= kShareTolerance))
      fail<NumericError>("transform", "the shares of slot {} sum to {:.6g} in magnitude, expected 1", slot,
                         result.entries_[0][slot].abs().sum().item<double>());
  return result;
}

std::int64_t Transform::size() const {
  if (is_monomial()) return static_cast<std::int64_t>(perm_.size());
  return kind_ == TransformKind::pairs ? 2 * entries_.numel() : entries_.size(0) * entries_.size(1);
}

std::int64_t Transform::num_blocks() const { return is_monomial() ? 1 : entries_.size(0); }

std::vector<double> Transform::scale() const { return scale_.empty() ? std::vector<double>(perm_.size(), 1.0) : scale_; }

bool Transform::is_identity() const {
  switch (kind_) {
    case TransformKind::monomial: return count_moved() == 0 && count_negative() == 0 && scale_.empty();
    case TransformKind::mixing:
    case TransformKind::blocks: return torch::equal(entries_, torch::eye(entries_.size(1), torch::kFloat64).expand_as(entries_));
    case TransformKind::pairs: return torch::equal(entries_, torch::ones_like(entries_));
  }
  SYMPHONY_ASSERT(!"a kind of transform without a case");
  return false;
}

bool Transform::is_quarter_turns() const {
  if (kind_ != TransformKind::pairs) return false;
  const torch::Tensor real = torch::real(entries_).abs(), imaginary = torch::imag(entries_).abs();
  return (real + imaginary).eq(1).logical_and((real * imaginary).eq(0)).all().item<bool>();
}

torch::Tensor Transform::dense() const { return apply(torch::eye(size(), torch::kFloat64), 0); }

Transform Transform::after(const Transform& first) const {
  if (size() != first.size()) fail<NumericError>("transform", "cannot compose sizes {} and {}", size(), first.size());
  if (is_mixing() || first.is_mixing()) fail<NumericError>("transform", "a mixing of {} units is no group element, it cannot be composed", size());
  if (is_monomial() && first.is_monomial()) {
    const std::vector<double> own = scale(), other = first.scale();
    std::vector<double> scales;
    Transform result = *this;
    for (std::size_t slot = 0; slot < perm_.size(); ++slot) {
      const auto middle = static_cast<std::size_t>(perm_[slot]);
      result.perm_[slot] = first.perm_[middle];
      result.sign_[slot] = static_cast<std::int8_t>(sign_[slot] * first.sign_[middle]);
      scales.push_back(own[slot] * other[middle]);
    }
    result.scale_ = all_one(scales) ? std::vector<double>{} : std::move(scales);
    return result;
  }
  if (kind_ == first.kind_) {
    if (num_blocks() != first.num_blocks()) fail<NumericError>("transform", "cannot compose {} blocks and {}", num_blocks(), first.num_blocks());
    Transform result = *this;
    result.entries_ = kind_ == TransformKind::blocks ? entries_.bmm(first.entries_) : entries_ * first.entries_;
    return result;
  }
  const Transform& rotation = is_monomial() ? first : *this;
  const Transform& monomial = is_monomial() ? *this : first;
  if (!monomial.is_exact() || rotation.kind_ != TransformKind::blocks || rotation.num_blocks() != 1)
    fail<NumericError>("transform", "cannot compose a rotation or factors with scales or another kind");
  return orthogonal(dense().mm(first.dense()));
}

Transform Transform::inverse() const {
  Transform result = *this;
  switch (kind_) {
    case TransformKind::blocks: {
      // The transpose of a rotation is its inverse without rounding.
      const torch::Tensor transposed = entries_.transpose(1, 2).contiguous();
      const double error = (entries_.bmm(transposed) - torch::eye(entries_.size(1), torch::kFloat64)).abs().max().item<double>();
      result.entries_ = error <= 1e-12 ? transposed : torch::linalg_inv(entries_);
      return result;
    }
    case TransformKind::pairs: result.entries_ = entries_.reciprocal(); return result;
    case TransformKind::mixing: fail<NumericError>("transform", "a mixing of {} units is no group element, it has no inverse", size());
    case TransformKind::monomial: break;
  }
  for (std::size_t slot = 0; slot < perm_.size(); ++slot) {
    const auto unit = static_cast<std::size_t>(perm_[slot]);
    result.perm_[unit] = static_cast<std::int64_t>(slot);
    result.sign_[unit] = sign_[slot];
    if (!scale_.empty()) result.scale_[unit] = 1.0 / scale_[slot];
  }
  return result;
}

Transform Transform::with_blocks_reordered(const std::vector<std::int64_t>& perm) const {
  SYMPHONY_ASSERT(!is_monomial() && !is_mixing());
  Transform result = *this;
  result.entries_ = entries_.index_select(0, torch::tensor(perm, torch::kInt64)).contiguous();
  return result;
}

/// A monomial side by side with itself.
Transform Transform::repeated(std::int64_t times) const {
  Transform result;
  for (std::int64_t copy = 0; copy < times; ++copy) {
    for (const std::int64_t unit : perm_) result.perm_.push_back(copy * size() + unit);
    result.sign_.insert(result.sign_.end(), sign_.begin(), sign_.end());
    result.scale_.insert(result.scale_.end(), scale_.begin(), scale_.end());
  }
  return result;
}

torch::Tensor Transform::apply_monomial(const torch::Tensor& tensor, std::int64_t axis, std::int64_t block, Action action) const {
  torch::Tensor result = tensor;
  if (count_moved() > 0) result = tensor.index_select(axis, block_index(perm_, block).to(tensor.device()));
  if (action == Action::relabel || (count_negative() == 0 && scale_.empty())) return result;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(tensor.dim()), 1);
  shape[static_cast<std::size_t>(axis)] = size() * block;
  torch::Tensor factors = torch::tensor(std::vector<std::int64_t>(sign_.begin(), sign_.end()), torch::kInt64).to(torch::kFloat64);
  if (!scale_.empty()) {
    const torch::Tensor scales = torch::tensor(scale_, torch::kFloat64);
    factors = action == Action::direct ? factors * scales : factors / scales;
  }
  factors = factors.repeat_interleave(block).reshape(shape).to(tensor.device());
  if (scale_.empty()) return result * factors.to(tensor.scalar_type());
  return (result.to(torch::kFloat64) * factors).to(tensor.scalar_type());
}

torch::Tensor Transform::apply_blocks(const torch::Tensor& entries_BRKN, Action action) const {
  const torch::Tensor matrices = action == Action::direct ? entries_ : inverse().entries_.transpose(1, 2);
  return torch::matmul(matrices.unsqueeze(1).to(entries_BRKN.device()), entries_BRKN);
}

torch::Tensor Transform::apply_mixing(const torch::Tensor& entries_BRKN, Action action) const {
  const torch::Tensor shares = action == Action::relabel ? entries_.abs() : entries_;
  return torch::matmul(shares.unsqueeze(1).to(entries_BRKN.device()), entries_BRKN);
}

torch::Tensor Transform::apply_pairs(const torch::Tensor& entries_BRKN, Action action) const {
  const std::int64_t half = entries_.size(1);
  const torch::Tensor factors = action == Action::dual ? entries_.conj().reciprocal().resolve_conj() : entries_;
  const auto shaped = [&](const torch::Tensor& part) { return part.reshape({factors.size(0), 1, half, 1}).to(entries_BRKN.device()); };
  const torch::Tensor real = shaped(torch::real(factors)), imaginary = shaped(torch::imag(factors));
  const torch::Tensor x = entries_BRKN.narrow(2, 0, half), y = entries_BRKN.narrow(2, half, half);
  if (action == Action::relabel) {
    const torch::Tensor turned = imaginary.abs() > real.abs();
    return torch::cat({torch::where(turned, y, x), torch::where(turned, x, y)}, 2);
  }
  return torch::cat({real * x - imaginary * y, imaginary * x + real * y}, 2);
}

torch::Tensor Transform::apply(const torch::Tensor& tensor, std::int64_t axis, std::int64_t block, Action action, std::int64_t repeat) const {
  if (axis < 0 || axis >= tensor.dim() || tensor.size(axis) != size() * block * repeat)
    fail<NumericError>("transform", "axis {} of a tensor with {} dimensions and {} entries, expected {} units of {}", axis, tensor.dim(),
                       tensor.numel(), size() * repeat, block);
  if (is_monomial()) return repeat == 1 ? apply_monomial(tensor, axis, block, action) : repeated(repeat).apply_monomial(tensor, axis, block, action);
  if (action == Action::relabel && kind_ == TransformKind::blocks) return tensor;
  const torch::Tensor leading = tensor.to(torch::kFloat64).movedim(axis, 0).contiguous();
  const std::int64_t blocks = num_blocks();
  const torch::Tensor entries_BRKN = leading.reshape({blocks, repeat, size() / blocks, -1});
  const torch::Tensor moved = is_mixing()                       ? apply_mixing(entries_BRKN, action)
                              : kind_ == TransformKind::blocks ? apply_blocks(entries_BRKN, action)
                                                                : apply_pairs(entries_BRKN, action);
  return moved.reshape(leading.sizes()).movedim(0, axis).to(tensor.scalar_type()).contiguous();
}

std::int64_t Transform::count_moved() const {
  if (!is_monomial()) return is_identity() ? 0 : size();
  std::int64_t moved = 0;
  for (std::size_t slot = 0; slot < perm_.size(); ++slot) moved += perm_[slot] != static_cast<std::int64_t>(slot);
  return moved;
}

std::int64_t Transform::count_negative() const { return std::count(sign_.begin(), sign_.end(), std::int8_t{-1}); }

}  // namespace symphony
