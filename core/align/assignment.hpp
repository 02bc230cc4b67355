// Exact linear assignment: the permutation pi that minimises (or maximises) sum_i c[i, pi(i)] over a dense square matrix.
//
// Three steps (methods-alignment 10): an epsilon-scaled auction (Bertsekas 1988, Ann. Oper. Res. 14) gives good column prices and its
// assignment is thrown away; two passes of augmenting row reduction and shortest augmenting paths (Jonker and Volgenant 1987, Computing 38)
// make an optimal assignment from those prices; the dual certificate proves it: with u_i = min_j (c_ij - v_j),
//   gap = sum_i (c[i, pi(i)] - v[pi(i)] - u_i) >= 0, and pi is optimal iff the gap is 0.
// Costs stay where they are, in float32; duals are float64. Extra memory is O(n), never a second matrix.
//
// Deterministic, and independent of how it was reached: of all optimal assignments the lexicographically smallest is returned (ties resolve
// to the lowest column; a constant matrix gives the identity).
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace symphony {

struct AssignmentOptions {
  bool maximise = false;
  /// Column prices of a similar problem, `Assignment::prices` of an earlier call: skips the auction. Empty: cold start.
  std::vector<double> prices;
};

struct Assignment {
  std::vector<std::int64_t> columns;  ///< columns[row]
  double objective = 0;               ///< sum of the chosen entries, in float64
  double gap = 0;                     ///< of the dual certificate; 0 up to rounding
  std::vector<double> prices;         ///< the optimal column duals, for a warm start
};

/// `costs_nn` is [n, n] on the CPU; float32 and contiguous ones are used in place, others are converted. Throws NumericError for a matrix that
/// is not square, a NaN or infinity in it, and a gap that is not zero to rounding (1e-10 n max|c|).
Assignment solve_assignment(const torch::Tensor& costs_nn, const AssignmentOptions& options = {});

}  // namespace symphony
