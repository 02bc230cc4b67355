// Exact linear assignment: the permutation pi that minimises (or maximises) sum_i c[i, pi(i)] over a dense square matrix.
//
// Three steps (methods-alignment 10): an epsilon-scaled auction (Bertsekas 1988, Ann. Oper. Res. 14) gives good column prices and its
// assignment is thrown away; two passes of augmenting row reduction and shortest augmenting paths (Jonker and Volgenant 1987, Computing 38)
// make an optimal assignment from those prices; the dual certificate proves it: with u_i = min_j (c_ij - v_j),
//   gap = sum_i (c[i, pi(i)] - v[pi(i)] - u_i) >= 0, and pi is optimal iff the gap is 0.
// Costs stay where they are, in float32; duals are float64. Extra memory is O(n), never a second matrix.
//
// A warm start, what an earlier call found for a similar problem, saves work and nothing else: rows whose entry is still the cheapest under its
// prices keep it; when fewer than 7 of 8 do, the prices go through the last phases of the auction, or are dropped if they are of quite another
// problem. The certificate is the same.
//
// Deterministic, and independent of how it was reached: of all optimal assignments the lexicographically smallest is returned (ties resolve
// to the lowest column; a constant matrix gives the identity).
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "core/align/assignment_work.hpp"

namespace symphony {

/// What an earlier call found; of a problem of another size it is no start.
struct AssignmentStart {
  std::vector<double> prices;         ///< by column, finite; empty: a cold start
  std::vector<std::int64_t> columns;  ///< by row; may be empty
};

struct AssignmentOptions {
  bool maximise = false;
  AssignmentStart start;
};

struct Assignment {
  std::vector<std::int64_t> columns;  ///< columns[row]
  double objective = 0;               ///< sum of the chosen entries, in float64
  double gap = 0;                     ///< of the dual certificate; 0 up to rounding
  std::vector<double> prices;         ///< the optimal column duals
  AssignmentWork work;

  AssignmentStart start() const { return {prices, columns}; }
};

/// `costs_nn` is [n, n] on the CPU; float32 and contiguous ones are used in place, others are converted. Throws NumericError for a matrix that
/// is not square, a NaN or infinity in it, a start of another size, and a gap that is not zero to rounding (1e-10 n max|c|).
Assignment solve_assignment(const torch::Tensor& costs_nn, const AssignmentOptions& options = {});

}  // namespace symphony
