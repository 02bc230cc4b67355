// The attention half of a layer.
#include "core/model/attention.hpp"

#include "core/model/causal_attention.hpp"
#include "core/model/projection.hpp"
#include "core/model/rms_norm.hpp"
#include "core/model/rotary_attention.hpp"

namespace symphony {

namespace {

/// Appends fresh_BTGH to what the cache holds; returns all of it as [B, S, G, H].
torch::Tensor extend(torch::Tensor& held_BGSH, const torch::Tensor& fresh_BTGH) {
  const auto fresh_BGTH = fresh_BTGH.transpose(1, 2);
  held_BGSH = held_BGSH.defined() ? torch::cat({held_BGSH, fresh_BGTH}, 2) : fresh_BGTH.contiguous();
  return held_BGSH.transpose(1, 2);
}

torch::Tensor cached_attention(const torch::Tensor& qkv_NW, const AttentionShape& shape, const RopeTable& rope, DecodeState::Layer& cache) {
  const auto heads_NAH = qkv_NW.view({qkv_NW.size(0), shape.heads + 2 * shape.kv_heads, shape.head_dim});
  const auto turned_NAH = apply_rope(heads_NAH.narrow(1, 0, shape.heads + shape.kv_heads), rope);
  const auto in_sequences = [&](const torch::Tensor& heads) { return heads.reshape({shape.batch, shape.length, heads.size(1), shape.head_dim}); };
  const auto keys_BSGH = extend(cache.keys_BGTH, in_sequences(turned_NAH.narrow(1, shape.heads, shape.kv_heads)));
  const auto values_BSGH = extend(cache.values_BGTH, in_sequences(heads_NAH.narrow(1, shape.heads + shape.kv_heads, shape.kv_heads)));
  const auto attended_BTQH = causal_attention(in_sequences(turned_NAH.narrow(1, 0, shape.heads)), keys_BSGH, values_BSGH);
  return attended_BTQH.reshape({qkv_NW.size(0), shape.heads * shape.head_dim});
}

/// Query and key heads normalised one by one; values as they are.
torch::Tensor with_normed_heads(const ModelSpec& spec, const LayerParameters& parameters, const torch::Tensor& qkv_NW) {
  const auto key_width = spec.num_kv_heads * spec.head_dim;
  const auto parts = qkv_NW.split_with_sizes({spec.num_heads * spec.head_dim, key_width, key_width}, 1);
  const auto normed = [&](const torch::Tensor& heads, const torch::Tensor& gain_H) {
    return rms_norm(heads.reshape({-1, spec.head_dim}), gain_H, spec.norm_eps).view(heads.sizes());
  };
  return torch::cat({normed(parts[0], parameters.query_norm_H), normed(parts[1], parameters.key_norm_H), parts[2]}, 1);
}

}  // namespace

torch::Tensor attention(const ModelSpec& spec, const LayerParameters& parameters, const torch::Tensor& normed_ND, const TokenBatch& tokens,
                        DecodeState::Layer* cache) {
  const AttentionShape shape{tokens.batch, tokens.length, spec.num_heads, spec.num_kv_heads, spec.head_dim};
  std::vector<torch::Tensor> biases;
  if (spec.qkv_bias) biases = {parameters.query_bias, parameters.key_bias, parameters.value_bias};
  auto qkv_NW = project(normed_ND, {parameters.query, parameters.key, parameters.value}, biases);
  if (spec.qk_norm) qkv_NW = with_normed_heads(spec, parameters, qkv_NW);
  const auto attended_NQ = cache != nullptr ? cached_attention(qkv_NW, shape, tokens.rope, *cache) : rotary_attention(qkv_NW, shape, tokens.rope);
  return project(attended_NQ, {parameters.output});
}

}  // namespace symphony
