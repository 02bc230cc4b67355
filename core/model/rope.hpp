// Rotary position embedding (Su et al. 2021, "RoFormer", arXiv 2104.09864) in the half-split layout of Hugging Face's Llama: entry j of a
// head turns together with entry j + H/2 by the angle position * theta^(-2j/H):
//   y_j = x_j cos - x_{j+H/2} sin        y_{j+H/2} = x_{j+H/2} cos + x_j sin
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "core/model/model_spec.hpp"

namespace symphony {

/// Cosines and sines of the positions that one pass needs, shared by all of its layers and heads.
struct RopeTable {
  torch::Tensor cos_PH, sin_PH;  ///< [P, H/2] for P consecutive positions
  torch::Tensor rows_N;          ///< int64: the row of each token
};

/// Radians a position turns, by entry of half a head: theta^(-2j/H), changed by `scaling`. Float64 [H/2].
torch::Tensor rope_frequencies(std::int64_t head_dim, double theta, const std::optional<RopeScaling>& scaling = {});

/// positions_N int64 >= 0, in any order. Angles are computed in float64.
RopeTable rope_table(const torch::Tensor& positions_N, std::int64_t head_dim, double theta, torch::ScalarType dtype,
                     const std::optional<RopeScaling>& scaling = {});

/// heads_NQH [N, Q, H] (N tokens, Q heads) -> the same shape, turned. Any device and dtype, differentiable.
torch::Tensor apply_rope(const torch::Tensor& heads_NQH, const RopeTable& table);

}  // namespace symphony
