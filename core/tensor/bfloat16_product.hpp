// Products of bfloat16 matrices whose sums are float32. LibTorch's own product of bfloat16 matrices rounds its result to bfloat16, which a
// covariance over thousands of tokens does not survive.
#pragma once

#include <torch/types.h>

namespace symphony {

/// Whether this processor has a matrix unit for bfloat16 (AMX), and oneDNN may use it (its DNNL_MAX_CPU_ISA).
bool has_bfloat16_unit();

/// sum_AB += a_TA^T b_TB. a_TA, b_TB bfloat16 [T, A] and [T, B], sum_AB float32 [A, B], all contiguous and on one device. A product of two bfloat16
/// numbers is exact in float32: with the matrix unit and without, results differ by the order of their sums alone. Throws NumericError for other
/// types or shapes.
void add_bfloat16_product(torch::Tensor& sum_AB, const torch::Tensor& a_TA, const torch::Tensor& b_TB, bool on_unit = has_bfloat16_unit());

}  // namespace symphony
