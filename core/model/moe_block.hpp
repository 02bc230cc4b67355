// The Mixture-of-Experts FFN:  out_t = c * sum_k weight_tk * E_choice(t,k)(x_t). Every expert's tokens are gathered, the expert runs once
// on all of them, and the weighted results are added back; no expert sees a token that did not choose it. T tokens, D hidden.
#pragma once

#include "core/model/decoder_parameters.hpp"
#include "core/model/layer_tap.hpp"
#include "core/model/router.hpp"

namespace symphony {

/// `routing` as the router returned it for input_TD. Throws PluginError naming the layer when it breaks the router contract (shapes,
/// expert indices).
torch::Tensor moe_ffn(const MoeSpec& spec, std::int64_t layer, const std::vector<FfnParameters>& experts, const torch::Tensor& input_TD,
                      const RouterOutput& routing, const LayerTap& tap);

/// What the shared expert adds:  sigmoid(x . g) * S(x).
torch::Tensor shared_expert_ffn(const FfnParameters& expert, const torch::Tensor& gate_1D, const torch::Tensor& input_TD);

}  // namespace symphony
