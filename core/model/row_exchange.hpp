// The two data movements of an MoE: bringing rows together by expert, and adding weighted rows back to their tokens. S gathered rows, T
// tokens, D hidden. A token appears among the rows once for each of its experts.
#pragma once

#include <cstdint>

#include <torch/types.h>

namespace symphony {

/// values_TD [T, D], rows_S int64 -> [S, D]: row s is values[rows[s]]. Its gradient adds up over the rows of one token.
torch::Tensor gather_rows(const torch::Tensor& values_TD, const torch::Tensor& rows_S);
torch::Tensor gather_rows_plain(const torch::Tensor& values_TD, const torch::Tensor& rows_S);

/// values_SD [S, D], weights_S [S] -> [T, D]: row t is the sum of weights[s] * values[s] over rows[s] = t. Differentiable in both.
torch::Tensor combine_rows(const torch::Tensor& values_SD, const torch::Tensor& weights_S, const torch::Tensor& rows_S, std::int64_t num_tokens);
torch::Tensor combine_rows_plain(const torch::Tensor& values_SD, const torch::Tensor& weights_S, const torch::Tensor& rows_S, std::int64_t num_tokens);

}  // namespace symphony
