// An element of a symmetry group acting on one axis, in one of three kinds, and a fourth that is no symmetry:
//   monomial   y_j = scale[j] * sign[j] * x_{perm[j]}      permutations, signs, scales; perm[j] is the unit of the source that goes to slot j of
//                                                          the anchor (methods-alignment, section 0)
//   blocks     y = M_b x within stretch b of the axis      one orthogonal matrix for the whole axis, or a change of basis in every KV group
//   pairs      y = c_{b,p} x as complex numbers            one number a rotary pair (features p and p + P of a stretch of 2 P) and KV group
//   mixing     y = M x, sum_k |M[j, k]| = 1                every slot an average of units, some with their sign turned: a soft matching, of which
//                                                          permutations with signs are the hard ones
// Beside y = A x an element acts on the dual side, y = A^-T x, as what reads an axis must when what writes it has A; for permutations, signs and
// rotations the two are equal. Transforms compose and invert bit for bit where they are permutations, signs and quarter turns (pairs with factors
// 1, i, -1 and -i). A mixing has no inverse: readers and writers of its axis both act with M, signless ones with |M|, as if it were such a
// permutation, and the function changes. Immutable values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <torch/types.h>

#include "core/tensor/tensor_source.hpp"

namespace symphony {

enum class TransformKind { monomial, blocks, pairs, mixing };

/// How an axis follows: with A, with its inverse transpose (of a mixing, M again), or with the permutation in it alone (gate rows, norm gains; of
/// quarter turns, the exchange of the two entries of a pair; of a mixing, |M|).
enum class Action { direct, dual, relabel };

class Transform {
 public:
  static Transform identity(std::int64_t size);
  /// Throws NumericError unless `perm` is a bijection on 0..n-1, `sign` is empty or holds n values of -1 or +1, and `scale` is empty or holds n
  /// finite positive numbers.
  static Transform monomial(std::vector<std::int64_t> perm, std::vector<std::int8_t> sign = {}, std::vector<double> scale = {});
  /// The identity permutation with factors of any sign. Throws NumericError for one that is zero or not finite.
  static Transform diagonal(const torch::Tensor& factors);
  /// Throws NumericError unless max|Q Q^T - I| <= 1e-5. Stored in float64.
  static Transform orthogonal(torch::Tensor matrix);
  /// matrices_BKK: one change of basis a stretch of K entries. Throws NumericError when one has a condition number above 1e4.
  static Transform blocks(torch::Tensor matrices_BKK);
  /// factors_BP complex, none zero.
  static Transform pairs(torch::Tensor factors_BP);
  /// shares_nn: row j says what slot j is made of. Throws NumericError unless the magnitudes in every row sum to 1 within 1e-6. Stored in float64.
  static Transform mixing(torch::Tensor shares_nn);

  TransformKind kind() const { return kind_; }
  std::int64_t size() const;        ///< entries of the axis that it acts on
  std::int64_t num_blocks() const;  ///< of blocks and pairs; 1 for the others
  bool is_identity() const;
  bool is_monomial() const { return kind_ == TransformKind::monomial; }
  bool is_mixing() const { return kind_ == TransformKind::mixing; }
  /// Permutations, signs and quarter turns: exact in every dtype.
  bool is_exact() const { return is_monomial() ? scale_.empty() : is_quarter_turns(); }
  /// Pairs whose factors are all 1, i, -1 or -i.
  bool is_quarter_turns() const;
  /// Of a monomial transform.
  const std::vector<std::int64_t>& perm() const { return perm_; }
  const std::vector<std::int8_t>& sign() const { return sign_; }  ///< always `size()` entries
  std::vector<double> scale() const;                              ///< always `size()` entries
  /// Of blocks: float64 [B, K, K]. Of pairs: complex128 [B, P]. Of a mixing: float64 [1, n, n].
  const torch::Tensor& entries() const { return entries_; }
  /// The matrix A of y = A x, float64 [n, n].
  torch::Tensor dense() const;

  /// The element that acts as `first`, then `*this`. Throws NumericError for sizes or kinds that do not fit, and for a mixing.
  Transform after(const Transform& first) const;
  /// Throws NumericError for a mixing.
  Transform inverse() const;
  /// Stretch j of the result is stretch perm[j] of this one: what the element becomes when the stretches are renumbered.
  Transform with_blocks_reordered(const std::vector<std::int64_t>& perm) const;
  /// Applies it along `axis` of `tensor`, which has size() * repeat * block entries: `block` consecutive entries are one unit (a head's rows
  /// move together), and each stretch, which is the whole of a monomial, acts on `repeat` stretches in a row (the query heads of a KV group). Keeps the dtype;
  /// what is not exact is computed in float64. Relabelling by blocks does nothing, by pairs it exchanges the entries of those turned past 45 degrees.
  torch::Tensor apply(const torch::Tensor& tensor, std::int64_t axis, std::int64_t block = 1, Action action = Action::direct,
                      std::int64_t repeat = 1) const;

  std::int64_t count_moved() const;      ///< units with perm[j] != j; for other kinds 0 or size
  std::int64_t count_negative() const;   ///< units with sign -1
  /// To be kept: perm int64 [n], sign int8 [n] and scale float64 [n] of a monomial, the last two where they are not 1; blocks float64 [B, K, K],
  /// pairs float64 [B, P, 2] or mixing float64 [n, n].
  TensorMap to_tensors() const;
  /// Throws DataError led by `where` for tensors of another type or shape, NumericError for entries that are no transform; changes of basis are taken as
  /// they are. May share memory with `tensors`.
  static Transform from_tensors(const TensorMap& tensors, const std::string& where);

 private:
  Transform repeated(std::int64_t times) const;
  torch::Tensor apply_monomial(const torch::Tensor& tensor, std::int64_t axis, std::int64_t block, Action action) const;
  torch::Tensor apply_blocks(const torch::Tensor& entries_BRKN, Action action) const;
  torch::Tensor apply_pairs(const torch::Tensor& entries_BRKN, Action action) const;
  torch::Tensor apply_mixing(const torch::Tensor& entries_BRKN, Action action) const;

  TransformKind kind_ = TransformKind::monomial;
  std::vector<std::int64_t> perm_;
  std::vector<std::int8_t> sign_;
  std::vector<double> scale_;  ///< empty: all 1
  torch::Tensor entries_;
};

/// One transform for each symmetry group of a model, by group id; a group that is absent is left as it is. How sets compose and invert
/// depends on the groups: core/model/symmetry.hpp.
using TransformSet = std::map<std::string, Transform>;

}  // namespace symphony
