// Checks and comparison of specs, and the canonical list of a spec's tensors.
#include "core/model/model_spec.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/family.hpp"

namespace symphony {

namespace {

// Bounds every product of two sizes far below 2^63, so that later arithmetic on shapes cannot overflow.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 30;
// Bounds the list of tensor names that a configuration file can ask for.
constexpr std::int64_t kMaxLayers = 1 << 12, kMaxExperts = 1 << 16, kMaxBlocks = 1 << 20;

void check_size(std::string_view where, std::string_view field, std::int64_t size, std::int64_t max_size = kMaxSize) {
  if (size < 1 || size > max_size) fail<DataError>(where, "{} is {}, expected 1 to {}", field, size, max_size);
}

void check_positive(std::string_view where, std::string_view field, double number) {
  if (!(number > 0) || !std::isfinite(number)) fail<DataError>(where, "{} is {}, expected a positive finite number", field, number);
}

void check_moe(const MoeSpec& moe, std::string_view where) {
  check_size(where, "num_experts", moe.num_experts, kMaxExperts);
  check_size(where, "expert_width", moe.expert_width);
  check_positive(where, "output_scale", moe.output_scale);
  if (moe.shared_width != 0) check_size(where, "shared_width", moe.shared_width);
  if (moe.router.name.empty()) fail<DataError>(where, "the mixture of experts names no router");
}

void check_rope_scaling(const RopeScaling& scaling, std::string_view where) {
  static const std::vector<std::string> kinds = {"linear", "llama3"};
  if (std::find(kinds.begin(), kinds.end(), scaling.kind) == kinds.end())
    fail<DataError>(where, "the rope scaling is {}; {}", quoted(scaling.kind), name_hint(scaling.kind, kinds));
  check_positive(where, "the rope scaling's factor", scaling.factor);
  if (scaling.kind == "linear") return;
  check_positive(where, "the rope scaling's low_freq_factor", scaling.low_frequency_factor);
  if (!(scaling.high_frequency_factor > scaling.low_frequency_factor) || !std::isfinite(scaling.high_frequency_factor))
    fail<DataError>(where, "the rope scaling's high_freq_factor is {}, expected more than low_freq_factor, {}", scaling.high_frequency_factor,
                    scaling.low_frequency_factor);
  check_size(where, "the rope scaling's original_max_position_embeddings", scaling.original_positions);
}

std::string moe_text(const ModelSpec& spec) {
  if (!spec.moe) return "dense";
  const MoeSpec& moe = *spec.moe;
  const std::string shared = moe.shared_width > 0 ? fmt::format(", shared expert of width {}", moe.shared_width) : std::string();
  return fmt::format("{} experts of width {}, router {}, output scale {}{}", moe.num_experts, moe.expert_width, moe.router.name, moe.output_scale,
                     shared);
}

std::string rope_text(const ModelSpec& spec) {
  if (!spec.rope_scaling) return "none";
  const RopeScaling& scaling = *spec.rope_scaling;
  if (scaling.kind == "linear") return fmt::format("linear, factor {}", scaling.factor);
  return fmt::format("{}, factor {}, low_freq_factor {}, high_freq_factor {}, original positions {}", scaling.kind, scaling.factor,
                     scaling.low_frequency_factor, scaling.high_frequency_factor, scaling.original_positions);
}

/// Appends the tensors of one SwiGLU FFN.
void add_ffn(std::vector<SpecTensor>& tensors, const std::string& prefix, std::int64_t layer, std::int64_t expert, std::int64_t width,
             std::int64_t hidden) {
  tensors.push_back({prefix + "gate_proj.weight", TensorKind::ffn, layer, expert, {width, hidden}});
  tensors.push_back({prefix + "up_proj.weight", TensorKind::ffn, layer, expert, {width, hidden}});
  tensors.push_back({prefix + "down_proj.weight", TensorKind::ffn, layer, expert, {hidden, width}});
}

void add_layer(std::vector<SpecTensor>& tensors, const ModelSpec& spec, std::int64_t layer) {
  const std::string prefix = layer_prefix(layer);
  const std::int64_t hidden = spec.hidden_size;
  const std::int64_t kv_width = spec.num_kv_heads * spec.head_dim, query_width = spec.num_heads * spec.head_dim;

  tensors.push_back({prefix + "input_layernorm.weight", TensorKind::norm, layer, -1, {hidden}});
  const std::array<std::pair<const char*, std::int64_t>, 3> projections = {{{"q", query_width}, {"k", kv_width}, {"v", kv_width}}};
  for (const auto& [letter, width] : projections) {
    const std::string name = fmt::format("{}self_attn.{}_proj.", prefix, letter);
    tensors.push_back({name + "weight", TensorKind::attention, layer, -1, {width, hidden}});
    if (spec.qkv_bias) tensors.push_back({name + "bias", TensorKind::attention, layer, -1, {width}});
  }
  for (const char* letter : {"q", "k"})
    if (spec.qk_norm) tensors.push_back({fmt::format("{}self_attn.{}_norm.weight", prefix, letter), TensorKind::norm, layer, -1, {spec.head_dim}});
  tensors.push_back({prefix + "self_attn.o_proj.weight", TensorKind::attention, layer, -1, {hidden, query_width}});
  tensors.push_back({prefix + "post_attention_layernorm.weight", TensorKind::norm, layer, -1, {hidden}});
  if (!spec.moe) return add_ffn(tensors, prefix + "mlp.", layer, -1, spec.ffn_size, hidden);
  for (std::int64_t expert = 0; expert < spec.moe->num_experts; ++expert)
    add_ffn(tensors, fmt::format("{}mlp.experts.{}.", prefix, expert), layer, expert, spec.moe->expert_width, hidden);
  if (spec.moe->shared_width == 0) return;
  add_ffn(tensors, prefix + "mlp.shared_expert.", layer, -1, spec.moe->shared_width, hidden);
  tensors.push_back({prefix + "mlp.shared_expert_gate.weight", TensorKind::ffn, layer, -1, {1, hidden}});
}

}  // namespace

void check_spec(const ModelSpec& spec, std::string_view where) {
  const std::vector<std::string> families = dense_family_names();
  if (std::find(families.begin(), families.end(), spec.family) == families.end())
    fail<DataError>(where, "unknown model family {}; {}", quoted(spec.family), name_hint(spec.family, families));
  check_size(where, "vocab_size", spec.vocab_size);
  check_size(where, "hidden_size", spec.hidden_size);
  check_size(where, "num_layers", spec.num_layers, kMaxLayers);
  check_size(where, "num_heads", spec.num_heads);
  check_size(where, "num_kv_heads", spec.num_kv_heads);
  check_size(where, "head_dim", spec.head_dim);
  check_size(where, "max_positions", spec.max_positions);
  check_size(where, "num_heads * head_dim", spec.num_heads * spec.head_dim);
  if (spec.num_heads % spec.num_kv_heads != 0)
    fail<DataError>(where, "num_heads is {}, expected a multiple of num_kv_heads, {}", spec.num_heads, spec.num_kv_heads);
  if (spec.head_dim % 2 != 0) fail<DataError>(where, "head_dim is {}, expected an even number (rotary positions turn pairs)", spec.head_dim);
  check_positive(where, "rope_theta", spec.rope_theta);
  check_positive(where, "norm_eps", spec.norm_eps);
  if (spec.rope_scaling) check_rope_scaling(*spec.rope_scaling, where);
  if (!spec.moe) return check_size(where, "ffn_size", spec.ffn_size);
  check_moe(*spec.moe, where);
  check_size(where, "num_layers * num_experts", spec.num_layers * spec.moe->num_experts, kMaxBlocks);
}

std::vector<SpecDifference> compare_specs(const ModelSpec& left, const ModelSpec& right) {
  std::vector<SpecDifference> differences;
  const auto compare = [&](const char* field, const auto& a, const auto& b, bool fatal = true) {
    if (a != b) differences.push_back({field, fmt::format("{}", a), fmt::format("{}", b), fatal});
  };
  compare("vocab_size", left.vocab_size, right.vocab_size);
  compare("hidden_size", left.hidden_size, right.hidden_size);
  compare("num_layers", left.num_layers, right.num_layers);
  compare("num_heads", left.num_heads, right.num_heads);
  compare("num_kv_heads", left.num_kv_heads, right.num_kv_heads);
  compare("head_dim", left.head_dim, right.head_dim);
  if (!left.moe && !right.moe) compare("ffn_size", left.ffn_size, right.ffn_size);
  compare("rope_theta", left.rope_theta, right.rope_theta);
  compare("rope_scaling", rope_text(left), rope_text(right));
  compare("norm_eps", left.norm_eps, right.norm_eps);
  compare("tied_head", left.tied_head, right.tied_head);
  compare("qkv_bias", left.qkv_bias, right.qkv_bias);
  compare("qk_norm", left.qk_norm, right.qk_norm);
  if (left.moe != right.moe) differences.push_back({"moe", moe_text(left), moe_text(right), true});
  compare("max_positions", left.max_positions, right.max_positions, false);
  compare("family", left.family, right.family, false);
  return differences;
}

std::string kind_name(TensorKind kind) {
  switch (kind) {
    case TensorKind::embedding: return "embedding";
    case TensorKind::attention: return "attention";
    case TensorKind::norm: return "norm";
    case TensorKind::lm_head: return "lm_head";
    case TensorKind::ffn: return "ffn";
    case TensorKind::router: return "router";
  }
  SYMPHONY_ASSERT(!"a tensor kind without a name");
  return {};
}

std::string layer_prefix(std::int64_t layer) { return fmt::format("model.layers.{}.", layer); }

std::vector<SpecTensor> spec_tensors(const ModelSpec& spec) {
  std::vector<SpecTensor> tensors;
  tensors.push_back({"model.embed_tokens.weight", TensorKind::embedding, -1, -1, {spec.vocab_size, spec.hidden_size}});
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) add_layer(tensors, spec, layer);
  tensors.push_back({"model.norm.weight", TensorKind::norm, -1, -1, {spec.hidden_size}});
  if (!spec.tied_head) tensors.push_back({"lm_head.weight", TensorKind::lm_head, -1, -1, {spec.vocab_size, spec.hidden_size}});
  return tensors;
}

std::int64_t count_parameters(const ModelSpec& spec) {
  std::int64_t total = 0;
  for (const SpecTensor& tensor : spec_tensors(spec)) {
    std::int64_t numel = 1;
    for (const std::int64_t size : tensor.shape) numel *= size;
    total += numel;
  }
  return total;
}

}  // namespace symphony
