// The attention half of a layer.
#include "core/model/attention.hpp"

#include "core/model/causal_attention.hpp"

namespace symphony {

torch::Tensor attention(const ModelSpec& spec, const LayerParameters& parameters, const torch::Tensor& normed_ND, const TokenBatch& tokens,
                        DecodeState::Layer* cache) {
  const auto project = [&](const torch::Tensor& weight, const torch::Tensor& bias, std::int64_t heads) {
    return torch::linear(normed_ND, weight, bias).view({tokens.batch * tokens.length, heads, spec.head_dim});
  };
  const auto in_sequences = [&](const torch::Tensor& heads_NQH) {
    return heads_NQH.view({tokens.batch, tokens.length, heads_NQH.size(1), spec.head_dim});
  };
  const auto queries_BTQH = in_sequences(apply_rope(project(parameters.query, parameters.query_bias, spec.num_heads), tokens.rope));
  auto keys_BSGH = in_sequences(apply_rope(project(parameters.key, parameters.key_bias, spec.num_kv_heads), tokens.rope));
  auto values_BSGH = in_sequences(project(parameters.value, parameters.value_bias, spec.num_kv_heads));

  if (cache != nullptr) {
    const auto extend = [](torch::Tensor& held_BGSH, torch::Tensor& fresh_BTGH) {
      const auto fresh_BGTH = fresh_BTGH.transpose(1, 2);
      held_BGSH = held_BGSH.defined() ? torch::cat({held_BGSH, fresh_BGTH}, 2) : fresh_BGTH.contiguous();
      fresh_BTGH = held_BGSH.transpose(1, 2);
    };
    extend(cache->keys_BGTH, keys_BSGH);
    extend(cache->values_BGTH, values_BSGH);
  }
  const auto attended_BTQH = causal_attention(queries_BTQH, keys_BSGH, values_BSGH);
  return torch::linear(attended_BTQH.reshape({tokens.batch * tokens.length, spec.num_heads * spec.head_dim}), parameters.output);
}

}  // namespace symphony
