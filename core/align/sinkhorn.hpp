// Soft matching: the plan T of uniform marginals that minimises  <T, C> - eps H(T)  over n slots and n units, H the entropy. By Sinkhorn's iteration
// (Cuturi 2013, "Sinkhorn Distances", arXiv 1306.0895) on the potentials f, g of T_jk = exp((f_j + g_k - C_jk) / eps) / n,
//   f_j = -eps log sum_k exp((g_k - C_jk) / eps),      g_k = -eps log sum_j exp((f_j - C_jk) / eps),
// in the log domain, where no power of e can overflow, and in float64. eps comes down from the largest cost to its value in steps of four, each starting
// from the potentials of the one before (Schmitzer 2019, arXiv 1610.06519, section 3.2), without which a small eps takes thousands of iterations.
// As eps goes to 0 the plan goes to an exact assignment (core/align/assignment.hpp), and its cost is never above that one's by more than eps log n.
//
// Deterministic. Memory: the costs, the plan, and a block of rows.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace symphony {

struct TransportOptions {
  double regularisation = 0.08;        ///< eps in units of the median cost; of the largest where the median is 0
  double tolerance = 1e-3;             ///< on what a column of shares sums to, which should be 1
  std::int64_t max_iterations = 1000;  ///< updates of both potentials, over all steps of eps
};

struct TransportPlan {
  torch::Tensor shares_nn;             ///< n T, float64: of slot j, the share that is unit k; rows sum to 1 to rounding, columns within the tolerance
  double mean_cost = 0;                ///< <T, C>
  double units_per_slot = 0;           ///< mean over slots of exp(entropy of the row): 1 for a permutation, n for the uniform plan
  double violation = 0;                ///< largest |sum of a column - 1|
  std::int64_t iterations = 0;
};

/// costs_nn: square, finite, none negative; any scale. Throws NumericError for other costs, and with the violation that it reached when the columns
/// are not within the tolerance after max_iterations: a plan whose marginals are off is no matching.
TransportPlan solve_transport(const torch::Tensor& costs_nn, const TransportOptions& options = {});

}  // namespace symphony
