// Weights of attention where gauges that cost nothing cannot disturb a comparison: norm gains folded into their readers (S6), biases as a further
// column. Float64, on the CPU. Those of FFNs: core/model/ffn_units.hpp.
#pragma once

#include <cstdint>
#include <string>

#include <torch/types.h>

#include "core/model/model_spec.hpp"

namespace symphony {

torch::Tensor read_float64(const Model& model, const std::string& name);
std::string layer_tensor(std::int64_t layer, const char* rest);  ///< "model.layers.3." and what follows

/// q_proj, k_proj or v_proj of a layer: [out, D], or [out, D + 1] with a bias.
torch::Tensor folded_attention_reader(const Model& model, std::int64_t layer, const char* projection);
/// The same of q_proj or k_proj with every row times its gain in the norm of heads, where the model has one.
torch::Tensor gained_attention_reader(const Model& model, std::int64_t layer, const char* projection);
/// The gain of the norm of query or key heads, [d].
torch::Tensor head_gain(const Model& model, std::int64_t layer, const char* projection);
torch::Tensor attention_writer(const Model& model, std::int64_t layer);  ///< o_proj as it is, [D, n_q d]

/// Rows [heads * d, X] as complex [P, heads, X]: features p and p + d / 2 of a head are the real and imaginary part.
torch::Tensor rope_pairs(const torch::Tensor& weight, std::int64_t head_dim);

}  // namespace symphony
