// Sums over tensors of any size and floating-point type, in float64 and without a copy of the tensor: entries are turned into float64 a piece at a
// time, in a buffer that stays in the cache. Pieces go to LibTorch's threads; what they give is added in their order, so results do not depend on
// the number of threads. Tensors are on the CPU; those that are not contiguous are copied first.
// N tensors.
#pragma once

#include <vector>

#include <torch/types.h>

#include "core/tensor/tensor_rows.hpp"

namespace symphony {

/// <x_i, x_j> over all entries, float64 [N, N]. At least one tensor, all of one number of entries; undefined ones count as zero.
torch::Tensor inner_products(const std::vector<torch::Tensor>& tensors);

/// sum_i coefficients[i] * x_i, rounded once to float32, in the shape of the first. Tensors whose coefficient is exactly 0 are not read.
torch::Tensor weighted_sum(const std::vector<torch::Tensor>& tensors, const std::vector<double>& coefficients);
/// The same into `result`, float32 and contiguous.
void weighted_sum_into(const torch::Tensor& result, const std::vector<torch::Tensor>& tensors, const std::vector<double>& coefficients);

/// ||a - b||_F^2
double squared_distance(const torch::Tensor& a, const torch::Tensor& b);

/// Whether no entry is a NaN or an infinity.
bool all_finite(const TensorRows& tensor);

}  // namespace symphony
