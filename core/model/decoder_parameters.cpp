// Parameters by role: the only place in the forward pass that knows canonical names.
#include "core/model/decoder_parameters.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

const torch::Tensor& parameter(const TensorMap& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  if (found != parameters.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, tensor] : parameters) names.push_back(known);
  fail<DataError>("decoder", "no tensor {}; {}", quoted(name), name_hint(name, names));
}

std::string router_parameter_name(std::int64_t layer, std::string_view parameter) {
  return fmt::format("{}mlp.router.{}", layer_prefix(layer), parameter);
}

const torch::Tensor& head_parameter(const ModelSpec& spec, const TensorMap& parameters) {
  return parameter(parameters, spec.tied_head ? "model.embed_tokens.weight" : "lm_head.weight");
}

LayerParameters layer_parameters(const ModelSpec& spec, const Router* router, const TensorMap& parameters, std::int64_t layer) {
  const std::string prefix = layer_prefix(layer);
  const auto get = [&](std::string_view name) { return parameter(parameters, fmt::format("{}{}", prefix, name)); };
  const auto get_ffn = [&](std::string_view inner) {
    return FfnParameters{get(fmt::format("{}gate_proj.weight", inner)), get(fmt::format("{}up_proj.weight", inner)),
                         get(fmt::format("{}down_proj.weight", inner))};
  };

  LayerParameters result;
  result.attention_norm_D = get("input_layernorm.weight");
  result.ffn_norm_D = get("post_attention_layernorm.weight");
  result.query = get("self_attn.q_proj.weight");
  result.key = get("self_attn.k_proj.weight");
  result.value = get("self_attn.v_proj.weight");
  result.output = get("self_attn.o_proj.weight");
  if (spec.qkv_bias) {
    result.query_bias = get("self_attn.q_proj.bias");
    result.key_bias = get("self_attn.k_proj.bias");
    result.value_bias = get("self_attn.v_proj.bias");
  }
  if (spec.qk_norm) {
    result.query_norm_H = get("self_attn.q_norm.weight");
    result.key_norm_H = get("self_attn.k_norm.weight");
  }
  if (!spec.moe) {
    result.ffns.push_back(get_ffn("mlp."));
    return result;
  }
  for (std::int64_t expert = 0; expert < spec.moe->num_experts; ++expert)
    result.ffns.push_back(get_ffn(fmt::format("mlp.experts.{}.", expert)));
  if (spec.moe->shared_width > 0) {
    result.shared = get_ffn("mlp.shared_expert.");
    result.shared_gate_1D = get("mlp.shared_expert_gate.weight");
  }
  if (router == nullptr) return result;
  for (const RouterParameter& entry : router->parameters(spec))
    result.router.emplace(entry.name, parameter(parameters, router_parameter_name(layer, entry.name)));
  return result;
}

std::vector<SpecTensor> decoder_tensors(const ModelSpec& spec, const Router* router) {
  std::vector<SpecTensor> result = spec_tensors(spec);
  if (!spec.moe) return result;
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer)
    for (const RouterParameter& entry : router->parameters(spec))
      result.push_back({router_parameter_name(layer, entry.name), TensorKind::router, layer, -1, entry.shape});
  return result;
}

}  // namespace symphony
