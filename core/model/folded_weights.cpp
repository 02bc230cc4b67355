// Gains multiply the columns of what reads them.
#include "core/model/folded_weights.hpp"

#include <fmt/format.h>

namespace symphony {

torch::Tensor read_float64(const Model& model, const std::string& name) { return model.tensors->get(name).to(torch::kCPU, torch::kFloat64); }

std::string layer_tensor(std::int64_t layer, const char* rest) { return fmt::format("model.layers.{}.{}", layer, rest); }

torch::Tensor folded_attention_reader(const Model& model, std::int64_t layer, const char* projection) {
  const std::string name = layer_tensor(layer, "self_attn.") + projection;
  const torch::Tensor weight = read_float64(model, name + ".weight") * read_float64(model, layer_tensor(layer, "input_layernorm.weight"));
  if (!model.tensors->find(name + ".bias")) return weight;
  return torch::cat({weight, read_float64(model, name + ".bias").unsqueeze(1)}, 1);
}

torch::Tensor head_gain(const Model& model, std::int64_t layer, const char* projection) {
  return read_float64(model, fmt::format("{}self_attn.{}_norm.weight", layer_prefix(layer), projection[0]));
}

torch::Tensor gained_attention_reader(const Model& model, std::int64_t layer, const char* projection) {
  const torch::Tensor rows = folded_attention_reader(model, layer, projection);
  if (!model.spec.qk_norm) return rows;
  return rows * head_gain(model, layer, projection).repeat({rows.size(0) / model.spec.head_dim}).unsqueeze(1);
}

torch::Tensor attention_writer(const Model& model, std::int64_t layer) {
  return read_float64(model, layer_tensor(layer, "self_attn.o_proj.weight"));
}

torch::Tensor rope_pairs(const torch::Tensor& weight, std::int64_t head_dim) {
  const torch::Tensor split = weight.reshape({-1, 2, head_dim / 2, weight.size(1)});
  return torch::complex(split.select(1, 0).contiguous(), split.select(1, 1).contiguous()).permute({1, 0, 2});
}

}  // namespace symphony
