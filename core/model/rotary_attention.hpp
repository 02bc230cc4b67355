// RoPE and causal attention in one operation, for whole sequences without a cache: rows of queries, keys and values go in as the projection
// leaves them, attended values come out as W_o wants them. Formulas: rope.hpp, causal_attention.hpp.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "core/model/rope.hpp"

namespace symphony {

/// B sequences of T tokens, N = B * T; Q query heads, G key/value heads, H entries a head.
struct AttentionShape {
  std::int64_t batch = 0, length = 0, heads = 0, kv_heads = 0, head_dim = 0;
};

/// qkv_NW [N, (Q + 2G) H], each row the token's query heads, key heads, value heads -> [N, Q H]. Differentiable.
torch::Tensor rotary_attention(const torch::Tensor& qkv_NW, const AttentionShape& shape, const RopeTable& rope);

/// The same as a composition of tensor operations, for any device and dtype.
torch::Tensor rotary_attention_plain(const torch::Tensor& qkv_NW, const AttentionShape& shape, const RopeTable& rope);

}  // namespace symphony
