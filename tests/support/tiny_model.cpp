// Draws for the small models of the tests.
#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <memory>
#include <span>

#include <fmt/format.h>

#include "core/base/random.hpp"

namespace symphony::testing {

namespace {

torch::Tensor random_tensor(const std::string& name, bool is_norm, const std::vector<std::int64_t>& shape, std::uint64_t seed, double scale) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  const std::span<float> values(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel()));
  Random random(seed, "random_model/" + name);
  if (is_norm) random.fill_uniform(values, 0.5, 1.5);
  else if (shape.size() == 1) random.fill_normal(values, 0.0, 0.3 * scale);
  else random.fill_normal(values, 0.0, scale / std::sqrt(static_cast<double>(shape[1])));
  return tensor;
}

}  // namespace

ModelSpec tiny_spec(const TinyOptions& options) {
  ModelSpec spec;
  spec.family = options.qkv_bias ? "qwen2" : "llama";
  spec.vocab_size = options.vocab;
  spec.hidden_size = options.hidden;
  spec.num_layers = options.layers;
  spec.num_heads = options.heads;
  spec.num_kv_heads = options.kv_heads;
  spec.head_dim = options.head_dim;
  spec.ffn_size = options.ffn;
  spec.max_positions = 128;
  spec.tied_head = options.tied_head;
  spec.qkv_bias = options.qkv_bias;
  if (options.num_experts > 0) spec.moe = MoeSpec{options.num_experts, options.ffn, Method{"top_k", ValueMap{{"k", 2}}}, 1.0};
  return spec;
}

Model random_model(const ModelSpec& spec, std::uint64_t seed, double scale) {
  TensorMap tensors;
  for (const SpecTensor& tensor : spec_tensors(spec))
    tensors[tensor.name] = random_tensor(tensor.name, tensor.kind == TensorKind::norm, tensor.shape, seed, scale);
  const bool linear_router = spec.moe && (spec.moe->router.name == "top_k" || spec.moe->router.name == "switch");
  for (std::int64_t layer = 0; linear_router && layer < spec.num_layers; ++layer) {
    const std::string name = layer_prefix(layer) + "mlp.router.weight";
    tensors[name] = random_tensor(name, false, {spec.moe->num_experts, spec.hidden_size}, seed, scale);
  }
  return {spec, std::make_shared<MemorySource>(std::move(tensors), "random model"), fmt::format("random{}", seed)};
}

}  // namespace symphony::testing
