// What fusion methods share: weights, the Gram matrix, the linear combination and the rule for rows that only some sources hold. Most methods
// are "Gram, then combine": scalar coefficients found from pairwise dot products in float64, then one pass over the tensors. Both passes read
// sources by rows and in the type in which they are stored, and work in float64 on pieces (core/tensor/pieces.hpp), so that memory grows neither with
// the tensor nor with their number; sums are rounded to float32 once: N equal sources with coefficients that sum to one give that source back bit for bit.
// N sources.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/fusion.hpp"

namespace symphony {

/// Throws ConfigError naming `who` when `weights` is neither empty nor one a source.
void check_weights(const std::vector<double>& weights, const std::vector<std::string>& source_names, std::string_view who);
/// `weights`, or N equal ones when it is empty, divided by their sum. Throws ConfigError when the sum is below 1e-8 in size.
std::vector<double> normalised_weights(const std::vector<double>& weights, std::size_t num_sources, std::string_view who);

/// Throws DataError naming `who`, the tensor and the source when shapes differ, or when a source whose `weights` entry is not 0 holds a NaN or an
/// infinity in a row that it is said to hold.
void check_sources(const FusionInput& input, const std::vector<double>& weights, std::string_view who);

/// <theta_i, theta_j> over all entries, float64 [N, N] on the CPU. Sources whose weight is exactly 0 are not read; their rows and columns are 0.
torch::Tensor gram_matrix(const std::vector<TensorRows>& sources, const std::vector<double>& weights);
/// sum_i coefficients[i] * theta_i, float32. Sources whose coefficient is exactly 0 are not read.
torch::Tensor combine(const std::vector<TensorRows>& sources, const std::vector<double>& coefficients);

/// What a linear method makes of some rows of the sources: their coefficients.
using Coefficients = std::function<std::vector<double>(const std::vector<TensorRows>& sources)>;

/// Combines the rows that every source holds, with the coefficients found from these rows; any other row is the `weights` mean of those that hold it, so that a
/// row of one source only is kept as it is. Without row masks every row is held. Throws DataError when a row is held by no source of weight > 0.
torch::Tensor fuse_held_rows(const FusionInput& input, const std::vector<double>& weights, std::string_view who, const Coefficients& coefficients);

/// Puts the `weights` mean over those that hold them into the rows of `result` that `rows`, int64, lists. Throws DataError when a row is held by no source of
/// weight > 0.
void put_mean_of_holders(const FusionInput& input, const std::vector<double>& weights, const torch::Tensor& rows, std::string_view who, torch::Tensor& result);

}  // namespace symphony
