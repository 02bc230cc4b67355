// The attention half of a layer:  out = W_o concat_heads(attention(rope(n(W_q x + b_q)), rope(n(W_k x + b_k)), W_v x + b_v)), where n is an RMSNorm
// over each head, with one gain for all query heads and one for all key heads, or nothing (qk_norm).
#pragma once

#include "core/model/decoder_parameters.hpp"
#include "core/model/predictor.hpp"
#include "core/model/token_batch.hpp"

namespace symphony {

/// normed_ND [N, D] -> what attention adds to the residual stream [N, D]. With `cache` the tokens continue what it holds, and it is
/// extended by their keys (after RoPE) and values.
torch::Tensor attention(const ModelSpec& spec, const LayerParameters& parameters, const torch::Tensor& normed_ND, const TokenBatch& tokens,
                        DecodeState::Layer* cache);

}  // namespace symphony
