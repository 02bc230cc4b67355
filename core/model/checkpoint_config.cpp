// The fields of transformers' LlamaConfig, Qwen2Config and MixtralConfig, with their defaults there; and our own symphony_moe, which is
// Mixtral's configuration with any router.
#include "core/model/checkpoint_config.hpp"

#include <algorithm>
#include <array>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/checkpoint_names.hpp"

namespace symphony {

namespace {

constexpr const char* kOwnSection = "symphony";

struct ModelType {
  const char* name;
  const char* architecture;
  const char* family;         ///< of the spec; symphony_moe names its own
  bool is_moe;
  double rope_theta, norm_eps;  ///< what transformers takes when the field is absent
};
constexpr std::array<ModelType, 4> kModelTypes = {{{"llama", "LlamaForCausalLM", "llama", false, 1e4, 1e-6},
                                                   {"qwen2", "Qwen2ForCausalLM", "qwen2", false, 1e4, 1e-6},
                                                   {"mixtral", "MixtralForCausalLM", "llama", true, 1e6, 1e-5},
                                                   {"symphony_moe", "SymphonyMoeForCausalLM", nullptr, true, 1e6, 1e-5}}};

const ModelType& model_type(std::string_view name, std::string_view where) {
  const auto found = std::find_if(kModelTypes.begin(), kModelTypes.end(), [&](const ModelType& type) { return type.name == name; });
  if (found != kModelTypes.end()) return *found;
  std::vector<std::string> names;
  for (const ModelType& type : kModelTypes) names.emplace_back(type.name);
  fail<DataError>(where, "unknown model_type {}; {}", quoted(name), name_hint(name, names));
}

/// Typed access to the members of a map; an absent member and null are the same.
class Fields {
 public:
  Fields(const Value& tree, std::string where) : tree_(tree), where_(std::move(where)) {
    if (!tree.is_map()) fail<DataError>(where_, "got {}, expected a map", tree.describe());
  }

  const std::string& where() const { return where_; }
  const Value* find(std::string_view key) const {
    const Value* value = tree_.find(key);
    return value && !value->is_null() ? value : nullptr;
  }
  const Value& required(std::string_view key) const {
    const Value* value = find(key);
    if (!value) fail<DataError>(where_, "has no {}", key);
    return *value;
  }
  std::int64_t integer(std::string_view key) const { return as_integer(key, required(key)); }
  std::int64_t integer(std::string_view key, std::int64_t absent) const { return find(key) ? integer(key) : absent; }
  double number(std::string_view key, double absent) const {
    const Value* value = find(key);
    if (!value) return absent;
    if (!value->is_number()) fail<DataError>(where_, "{} is {}, expected a number", key, value->describe());
    return value->as_double();
  }
  bool flag(std::string_view key) const {
    const Value* value = find(key);
    if (!value) return false;
    if (!value->is_bool()) fail<DataError>(where_, "{} is {}, expected true or false", key, value->describe());
    return value->as_bool();
  }
  std::string text(std::string_view key, std::string_view absent) const { return find(key) ? text(key) : std::string(absent); }
  const std::string& text(std::string_view key) const {
    const Value& value = required(key);
    if (!value.is_string()) fail<DataError>(where_, "{} is {}, expected a string", key, value.describe());
    return value.as_string();
  }
  std::int64_t as_integer(std::string_view key, const Value& value) const {
    if (!value.is_int()) fail<DataError>(where_, "{} is {}, expected an integer", key, value.describe());
    return value.as_int();
  }

 private:
  const Value& tree_;
  std::string where_;
};

void check_architecture(const Fields& config, const ModelType& type) {
  const Value* architectures = config.find("architectures");
  if (!architectures) return;
  const ValueList expected = {type.architecture};
  if (!architectures->is_list() || architectures->as_list() != expected)
    fail<DataError>(config.where(), "architectures is {}, expected [{}] for model_type {}",
                    architectures->is_list() && architectures->as_list().size() == 1 ? architectures->as_list()[0].describe() : architectures->describe(),
                    type.architecture, type.name);
}

/// "rope_scaling" of older files, "rope_parameters" of newer ones; only plain rotary positions are computed here.
void check_rope(const Fields& config, std::string_view key) {
  const Value* rope = config.find(key);
  if (!rope) return;
  const Fields fields(*rope, fmt::format("{}: {}", config.where(), key));
  const std::string kind = fields.text("rope_type", fields.text("type", "default"));
  if (kind != "default") fail<DataError>(fields.where(), "the rope type is {}, expected 'default'", quoted(kind));
}

double rope_theta(const Fields& config, const ModelType& type) {
  const Value* rope = config.find("rope_parameters");
  const double nested = rope ? Fields(*rope, config.where()).number("rope_theta", type.rope_theta) : type.rope_theta;
  return config.number("rope_theta", nested);
}

/// Refuses what transformers would compute and we would not.
void check_supported(const Fields& config, const ModelType& type) {
  check_architecture(config, type);
  check_rope(config, "rope_scaling");
  check_rope(config, "rope_parameters");
  const std::string activation = config.text("hidden_act", "silu");
  if (activation != "silu") fail<DataError>(config.where(), "hidden_act is {}, expected 'silu'", quoted(activation));
  for (const char* key : {"attention_bias", "mlp_bias", "use_sliding_window", "rope_interleaved"})
    if (config.flag(key)) fail<DataError>(config.where(), "{} is true, which is not supported, expected false", key);
  if (config.number("partial_rotary_factor", 1.0) != 1.0) fail<DataError>(config.where(), "partial_rotary_factor is not supported, expected 1");
  if (config.find("quantization_config")) fail<DataError>(config.where(), "the weights are quantised, expected plain floating-point tensors");
  // Qwen2 files state a window that use_sliding_window switches off.
  const std::int64_t positions = config.integer("max_position_embeddings"), window = config.integer("sliding_window", positions);
  if (std::string_view(type.name) != "qwen2" && window < positions)
    fail<DataError>(config.where(), "sliding_window is {}, expected null or at least max_position_embeddings, {}", window, positions);
  if (const Value* layer_types = config.find("layer_types")) {
    const auto is_full = [](const Value& layer) { return layer == Value("full_attention"); };
    if (!layer_types->is_list() || !std::all_of(layer_types->as_list().begin(), layer_types->as_list().end(), is_full))
      fail<DataError>(config.where(), "layer_types holds other layers than 'full_attention', which are not supported");
  }
}

std::int64_t default_head_dim(const Fields& config) {
  const std::int64_t hidden = config.integer("hidden_size"), heads = config.integer("num_attention_heads");
  if (heads < 1 || hidden % heads != 0)
    fail<DataError>(config.where(), "hidden_size is {}, expected a multiple of num_attention_heads, {}, or a head_dim", hidden, heads);
  return hidden / heads;
}

MoeSpec read_moe(const Fields& config) {
  MoeSpec moe;
  moe.num_experts = config.integer("num_local_experts");
  moe.expert_width = config.integer("intermediate_size");
  moe.router = mixtral_router(config.integer("num_experts_per_tok", 2));
  return moe;
}

void read_own_section(const Fields& config, ModelSpec& spec) {
  const Fields own(config.required(kOwnSection), fmt::format("{}: {}", config.where(), kOwnSection));
  spec.family = own.text("family");
  const Fields router(own.required("router"), own.where() + ": router");
  spec.moe->router = {router.text("name"), router.required("params")};
  if (!spec.moe->router.params.is_map()) fail<DataError>(router.where(), "params is {}, expected a map", spec.moe->router.params.describe());
  spec.moe->output_scale = own.number("output_scale", 1.0);
}

const ModelType& type_of(const ModelSpec& spec, std::string_view where) {
  if ((spec.family == "qwen2") != spec.qkv_bias)
    fail<DataError>(where, "the family is {} {} q/k/v biases; on disk qwen2 always has them and llama never", quoted(spec.family),
                    spec.qkv_bias ? "with" : "without");
  if (!spec.moe) return model_type(spec.family, where);
  return model_type(is_mixtral(spec) ? "mixtral" : "symphony_moe", where);
}

Value one_or_list(const std::vector<std::int64_t>& ids) {
  if (ids.empty()) return {};
  return ids.size() == 1 ? Value(ids.front()) : Value(ValueList(ids.begin(), ids.end()));
}

void set_moe(Value& config, const ModelSpec& spec) {
  const MoeSpec& moe = *spec.moe;
  config.set("num_local_experts", moe.num_experts);
  config.set("output_router_logits", false);
  config.set("sliding_window", Value());
  if (is_mixtral(spec)) config.set("num_experts_per_tok", *moe.router.params.find("k"));
  else config.set(kOwnSection, ValueMap{{"family", spec.family},
                                        {"router", ValueMap{{"name", moe.router.name}, {"params", moe.router.params}}},
                                        {"output_scale", moe.output_scale}});
}

}  // namespace

ModelSpec spec_from_config(const Value& tree, std::string_view where) {
  const Fields config(tree, std::string(where));
  const ModelType& type = model_type(config.text("model_type"), where);
  check_supported(config, type);
  ModelSpec spec;
  spec.vocab_size = config.integer("vocab_size");
  spec.hidden_size = config.integer("hidden_size");
  spec.num_layers = config.integer("num_hidden_layers");
  spec.num_heads = config.integer("num_attention_heads");
  spec.num_kv_heads = config.integer("num_key_value_heads", spec.num_heads);
  spec.head_dim = config.find("head_dim") ? config.integer("head_dim") : default_head_dim(config);
  spec.ffn_size = config.integer("intermediate_size");
  spec.max_positions = config.integer("max_position_embeddings");
  spec.rope_theta = rope_theta(config, type);
  spec.norm_eps = config.number("rms_norm_eps", type.norm_eps);
  spec.tied_head = config.flag("tie_word_embeddings");
  if (type.is_moe) spec.moe = read_moe(config);
  if (type.family) spec.family = type.family;
  else read_own_section(config, spec);
  spec.qkv_bias = spec.family == "qwen2";
  check_spec(spec, where);
  return spec;
}

SpecialTokenIds token_ids_from_config(const Value& tree, std::string_view where) {
  const Fields config(tree, std::string(where));
  SpecialTokenIds ids;
  if (config.find("bos_token_id")) ids.bos = config.integer("bos_token_id");
  if (config.find("pad_token_id")) ids.pad = config.integer("pad_token_id");
  const Value* eos = config.find("eos_token_id");
  if (eos && eos->is_list())
    for (const Value& id : eos->as_list()) ids.eos.push_back(config.as_integer("eos_token_id", id));
  else if (eos) ids.eos.push_back(config.integer("eos_token_id"));
  return ids;
}

Value config_from_spec(const ModelSpec& spec, const SpecialTokenIds& token_ids, std::string_view dtype, std::string_view where) {
  check_spec(spec, where);
  const ModelType& type = type_of(spec, where);
  Value config = ValueMap{
      {"architectures", ValueList{type.architecture}}, {"model_type", type.name},
      {"vocab_size", spec.vocab_size}, {"hidden_size", spec.hidden_size},
      {"intermediate_size", spec.moe ? spec.moe->expert_width : spec.ffn_size}, {"num_hidden_layers", spec.num_layers},
      {"num_attention_heads", spec.num_heads}, {"num_key_value_heads", spec.num_kv_heads}, {"head_dim", spec.head_dim},
      {"hidden_act", "silu"}, {"max_position_embeddings", spec.max_positions},
      {"rms_norm_eps", spec.norm_eps}, {"rope_theta", spec.rope_theta}, {"tie_word_embeddings", spec.tied_head},
      {"bos_token_id", token_ids.bos ? Value(*token_ids.bos) : Value()}, {"eos_token_id", one_or_list(token_ids.eos)},
      {"pad_token_id", token_ids.pad ? Value(*token_ids.pad) : Value()},
      {"torch_dtype", dtype}, {"use_cache", true}};
  if (spec.moe) set_moe(config, spec);
  return config;
}

}  // namespace symphony
