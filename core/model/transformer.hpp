// The decoder, layer by layer, as functions over named tensors:
//   h = E[token];   h += attention(norm(h));   h += ffn(norm(h))  (each layer);   logits = H norm(h)
// A layer comes in two halves, so that a streamed pass can set up a router between them. N tokens (batch and positions flattened), D hidden.
// Training, inference and the layer-streamed executor all run these functions; they work in the dtype of the parameters.
#pragma once

#include "core/model/decoder_parameters.hpp"
#include "core/model/language_model.hpp"
#include "core/model/token_batch.hpp"

namespace symphony {

/// What MoE layers hand upwards, and what they add up to.
struct RoutingState {
  torch::Tensor carried;       ///< of the layer below
  torch::Tensor balance_sum;   ///< undefined while no router has a balance term
};

/// [N, D]; records the site `embedding`.
torch::Tensor embed(const torch::Tensor& embedding_VD, const TokenBatch& tokens, Tap* tap);

/// residual_ND after attention's addition; records residual_in and attention_out.
torch::Tensor attention_half(const ModelSpec& spec, std::int64_t layer, const LayerParameters& parameters, const torch::Tensor& residual_ND,
                             const TokenBatch& tokens, Tap* tap, DecodeState::Layer* cache);

/// The input of the layer's FFN and router; records ffn_in.
torch::Tensor ffn_input(const ModelSpec& spec, std::int64_t layer, const LayerParameters& parameters, const torch::Tensor& residual_ND,
                        const TokenBatch& tokens, Tap* tap);

/// residual_ND after the FFN's or MoE's addition; records the router's sites, ffn_hidden, ffn_out and residual.
torch::Tensor ffn_half(const ModelSpec& spec, const Router* router, std::int64_t layer, const LayerParameters& parameters,
                       const torch::Tensor& residual_ND, const torch::Tensor& input_ND, const TokenBatch& tokens,
                       const ForwardOptions& options, RoutingState& routing);

/// Logits [N, V].
torch::Tensor decoder_head(const ModelSpec& spec, const torch::Tensor& norm_D, const torch::Tensor& head_VD, const torch::Tensor& residual_ND);

}  // namespace symphony
