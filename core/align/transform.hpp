// An element of a symmetry group acting on one axis: a permutation with optional signs, or a dense orthogonal matrix.
//
// Convention (methods-alignment, section 0): perm[j] is the unit of the source that goes to slot j of the anchor; sign[j] multiplies it there:
//   monomial:  y_j = sign[j] * x_{perm[j]}          orthogonal:  y = Q x
// Transforms compose and invert exactly where they are permutations and signs. Immutable values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "core/base/value.hpp"

namespace symphony {

class Transform {
 public:
  static Transform identity(std::int64_t size);
  /// Throws NumericError unless `perm` is a bijection on 0..n-1 and `sign` is empty or holds n values of -1 or +1.
  static Transform monomial(std::vector<std::int64_t> perm, std::vector<std::int8_t> sign = {});
  /// Throws NumericError unless max|Q Q^T - I| <= 1e-5. Stored in float64.
  static Transform orthogonal(torch::Tensor matrix);

  std::int64_t size() const;
  bool is_identity() const;
  bool is_monomial() const { return !matrix_.defined(); }
  /// Of a monomial transform.
  const std::vector<std::int64_t>& perm() const { return perm_; }
  const std::vector<std::int8_t>& sign() const { return sign_; }  ///< always `size()` entries
  /// The matrix A of y = A x, float64 [n, n].
  torch::Tensor dense() const;

  /// The element that acts as `first`, then `*this`.
  Transform after(const Transform& first) const;
  Transform inverse() const;
  /// Applies it along `axis` of `tensor`, in units of `block` consecutive entries (a head's rows move together): the axis has
  /// size() * block entries. With `with_signs` false the signs are left out (norm gains, gate rows). Monomials keep the dtype and are exact.
  torch::Tensor apply(const torch::Tensor& tensor, std::int64_t axis, std::int64_t block = 1, bool with_signs = true) const;

  std::int64_t count_moved() const;      ///< units with perm[j] != j; for a dense one, 0 or size
  std::int64_t count_negative() const;   ///< units with sign -1
  Value to_value() const;                ///< for metadata and logs
  static Transform from_value(const Value& value, const std::string& where);

 private:
  std::vector<std::int64_t> perm_;
  std::vector<std::int8_t> sign_;
  torch::Tensor matrix_;
};

/// One transform for each symmetry group of a model, by group id; a group that is absent is left as it is.
using TransformSet = std::map<std::string, Transform>;

TransformSet compose(const TransformSet& later, const TransformSet& first);
TransformSet inverse(const TransformSet& set);

}  // namespace symphony
