// Causal softmax attention with grouped queries: query heads h*R .. h*R+R-1 read key/value head h (R = query heads per KV head):
//   out_t = sum_{s <= t} softmax_s(q_t . k_s / sqrt(H)) v_s
#pragma once

#include <torch/types.h>

namespace symphony {

/// queries_BTQH [B, T, Q, H]; keys_BSGH and values_BSGH [B, S, G, H] with S >= T and Q a multiple of G. The T queries are the last T of
/// the S positions. -> [B, T, Q, H]. Any device and dtype, differentiable in all three.
torch::Tensor causal_attention(const torch::Tensor& queries_BTQH, const torch::Tensor& keys_BSGH, const torch::Tensor& values_BSGH);

}  // namespace symphony
