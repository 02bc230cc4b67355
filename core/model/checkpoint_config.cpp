// The fields of transformers' configurations, by the data of each family; and our own symphony_moe, which is Mixtral's with any router.
#include "core/model/checkpoint_config.hpp"

#include <algorithm>
#include <array>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/config_fields.hpp"
#include "core/model/rope_config.hpp"

namespace symphony {

namespace {

constexpr const char* kOwnSection = "symphony";
constexpr const char* kBiasField = "qkv_bias";

void check_architecture(const ConfigFields& config, const Family& family) {
  const Value* architectures = config.find("architectures");
  if (!architectures) return;
  const ValueList expected = {family.architecture};
  if (!architectures->is_list() || architectures->as_list() != expected)
    fail<DataError>(config.where(), "architectures is {}, expected [{}] for model_type {}",
                    architectures->is_list() && architectures->as_list().size() == 1 ? architectures->as_list()[0].describe() : architectures->describe(),
                    family.architecture, family.model_type);
}

void check_window(const ConfigFields& config, const Family& family) {
  if (family.window_is_switched && config.flag("use_sliding_window")) fail<DataError>(config.where(), "use_sliding_window is true, which is not supported, expected false");
}

/// Positions at which full attention is what the model computes: up to the length of a sliding window the two are the same, beyond it we do not go.
std::int64_t max_positions(const ConfigFields& config, const Family& family) {
  const std::int64_t positions = config.integer("max_position_embeddings");
  if (family.window_is_switched) return positions;
  const std::int64_t absent = config.states("sliding_window") || family.sliding_window == 0 ? positions : family.sliding_window;
  const std::int64_t window = config.integer("sliding_window", absent);
  if (window < 1) fail<DataError>(config.where(), "sliding_window is {}, expected null or at least 1", window);
  return std::min(positions, window);
}

/// Every layer must be like every other.
void check_layers(const ConfigFields& config) {
  if (const Value* layer_types = config.find("layer_types")) {
    const auto is_full = [](const Value& layer) { return layer == Value("full_attention"); };
    if (!layer_types->is_list() || !std::all_of(layer_types->as_list().begin(), layer_types->as_list().end(), is_full))
      fail<DataError>(config.where(), "layer_types holds other layers than 'full_attention', which are not supported");
  }
  if (config.integer("decoder_sparse_step", 1) != 1)
    fail<DataError>(config.where(), "decoder_sparse_step is {}; a mixture of dense and expert layers is not supported, expected 1",
                    config.integer("decoder_sparse_step"));
  if (const Value* dense = config.find("mlp_only_layers"); dense && *dense != Value(ValueList{}))
    fail<DataError>(config.where(), "mlp_only_layers is not empty; a mixture of dense and expert layers is not supported, expected []");
}

/// Refuses what transformers would compute and we would not.
void check_supported(const ConfigFields& config, const Family& family) {
  check_architecture(config, family);
  const std::string activation = config.text("hidden_act", "silu");
  if (activation != "silu") fail<DataError>(config.where(), "hidden_act is {}, expected 'silu'", quoted(activation));
  for (const char* key : {"attention_bias", "mlp_bias", "rope_interleaved"})
    if (config.flag(key)) fail<DataError>(config.where(), "{} is true, which is not supported, expected false", key);
  if (config.number("partial_rotary_factor", 1.0) != 1.0) fail<DataError>(config.where(), "partial_rotary_factor is not supported, expected 1");
  if (config.find("quantization_config")) fail<DataError>(config.where(), "the weights are quantised, expected plain floating-point tensors");
  check_window(config, family);
  check_layers(config);
}

std::int64_t head_dim(const ConfigFields& config, const Family& family) {
  if (config.find("head_dim")) return config.integer("head_dim");
  if (family.head_dim > 0) return family.head_dim;
  const std::int64_t hidden = config.integer("hidden_size"), heads = config.integer("num_attention_heads");
  if (heads < 1 || hidden % heads != 0)
    fail<DataError>(config.where(), "hidden_size is {}, expected a multiple of num_attention_heads, {}, or a head_dim", hidden, heads);
  return hidden / heads;
}

void read_own_section(const ConfigFields& config, ModelSpec& spec) {
  const ConfigFields own(config.required(kOwnSection), fmt::format("{}: {}", config.where(), kOwnSection));
  spec.family = own.text("family");
  const ConfigFields router(own.required("router"), own.where() + ": router");
  spec.moe->router = {router.text("name"), router.required("params")};
  if (!spec.moe->router.params.is_map()) fail<DataError>(router.where(), "params is {}, expected a map", spec.moe->router.params.describe());
  spec.moe->output_scale = own.number("output_scale", 1.0);
}

MoeSpec read_moe(const ConfigFields& config, const MoeFields& fields) {
  MoeSpec moe;
  const bool renamed = !config.find(fields.num_experts) && !fields.num_experts_too.empty();
  moe.num_experts = config.integer(renamed ? fields.num_experts_too : fields.num_experts);
  moe.expert_width = config.integer(fields.expert_width);
  const bool renormalised = fields.renormalised.empty() || config.flag(fields.renormalised);
  moe.router = implied_router(renormalised, config.integer("num_experts_per_tok", fields.experts_per_token));
  if (!fields.shared_width.empty()) moe.shared_width = config.integer(fields.shared_width, 0);
  return moe;
}

/// What is said of the family itself: which biases and norms there are.
void read_features(const ConfigFields& config, const Family& family, ModelSpec& spec) {
  spec.family = family.spec_family;
  if (family.spec_family.empty()) read_own_section(config, spec);
  const Family& kin = find_family(spec.family, config.where());
  if (kin.moe) fail<DataError>(config.where(), "the family is {}, expected one of dense models: {}", quoted(spec.family), join(dense_family_names(), ", "));
  spec.qkv_bias = family.qkv_bias == Presence::by_field ? config.flag(kBiasField, true) : kin.qkv_bias == Presence::always;
  spec.qk_norm = kin.qk_norm;
  if (kin.qkv_bias == Presence::always && !spec.qkv_bias) spec.family = "llama";
}

Value one_or_list(const std::vector<std::int64_t>& ids) {
  if (ids.empty()) return {};
  return ids.size() == 1 ? Value(ids.front()) : Value(ValueList(ids.begin(), ids.end()));
}

void set_moe(Value& config, const ModelSpec& spec, const Family& family) {
  const MoeSpec& moe = *spec.moe;
  const MoeFields& fields = *family.moe;
  config.set("intermediate_size", moe.expert_width);  // what no layer uses where experts have a field of their own
  config.set(fields.num_experts, moe.num_experts);
  config.set(fields.expert_width, moe.expert_width);
  if (!fields.shared_width.empty() && (moe.shared_width > 0 || !family.spec_family.empty())) config.set(fields.shared_width, moe.shared_width);
  config.set("output_router_logits", false);
  if (family.spec_family.empty()) {
    config.set(kOwnSection, ValueMap{{"family", spec.family},
                                     {"router", ValueMap{{"name", moe.router.name}, {"params", moe.router.params}}},
                                     {"output_scale", moe.output_scale}});
    return;
  }
  const ImpliedRouter router = as_implied(moe.router).value();
  config.set("num_experts_per_tok", router.experts_per_token);
  if (!fields.renormalised.empty()) config.set(fields.renormalised, router.renormalised);
}

}  // namespace

const Family& family_of_config(const Value& tree, std::string_view where) {
  return find_family(ConfigFields(tree, std::string(where)).text("model_type"), where);
}

ModelSpec spec_from_config(const Value& tree, std::string_view where) {
  const ConfigFields config(tree, std::string(where));
  const Family& family = family_of_config(tree, where);
  check_supported(config, family);
  ModelSpec spec;
  spec.vocab_size = config.integer("vocab_size");
  spec.hidden_size = config.integer("hidden_size");
  spec.num_layers = config.integer("num_hidden_layers");
  spec.num_heads = config.integer("num_attention_heads");
  spec.num_kv_heads = config.integer("num_key_value_heads", family.num_kv_heads > 0 ? family.num_kv_heads : spec.num_heads);
  spec.head_dim = head_dim(config, family);
  spec.ffn_size = config.integer(family.moe ? family.moe->expert_width : "intermediate_size");
  spec.max_positions = max_positions(config, family);
  const RopeSettings rope = read_rope(config, family.rope_theta);
  spec.rope_theta = rope.theta;
  spec.rope_scaling = rope.scaling;
  spec.norm_eps = config.number("rms_norm_eps", family.norm_eps);
  spec.tied_head = config.flag("tie_word_embeddings");
  if (family.moe) spec.moe = read_moe(config, *family.moe);
  read_features(config, family, spec);
  check_spec(spec, where);
  return spec;
}

SpecialTokenIds token_ids_from_config(const Value& tree, std::string_view where) {
  const ConfigFields config(tree, std::string(where));
  SpecialTokenIds ids;
  if (config.find("bos_token_id")) ids.bos = config.integer("bos_token_id");
  if (config.find("pad_token_id")) ids.pad = config.integer("pad_token_id");
  const Value* eos = config.find("eos_token_id");
  if (eos && eos->is_list())
    for (const Value& id : eos->as_list()) ids.eos.push_back(config.as_integer("eos_token_id", id));
  else if (eos) ids.eos.push_back(config.integer("eos_token_id"));
  return ids;
}

Value config_from_spec(const ModelSpec& spec, const Family& family, const SpecialTokenIds& token_ids, std::string_view dtype, std::string_view where) {
  check_spec(spec, where);
  SYMPHONY_ASSERT(misfit(family, spec).empty());
  Value config = ValueMap{
      {"architectures", ValueList{family.architecture}}, {"model_type", family.model_type},
      {"vocab_size", spec.vocab_size}, {"hidden_size", spec.hidden_size},
      {"intermediate_size", spec.ffn_size}, {"num_hidden_layers", spec.num_layers},
      {"num_attention_heads", spec.num_heads}, {"num_key_value_heads", spec.num_kv_heads}, {"head_dim", spec.head_dim},
      {"hidden_act", "silu"}, {"max_position_embeddings", spec.max_positions},
      {"rms_norm_eps", spec.norm_eps}, {"rope_theta", spec.rope_theta}, {"rope_scaling", rope_scaling_value(spec)},
      {"tie_word_embeddings", spec.tied_head},
      {"bos_token_id", token_ids.bos ? Value(*token_ids.bos) : Value()}, {"eos_token_id", one_or_list(token_ids.eos)},
      {"pad_token_id", token_ids.pad ? Value(*token_ids.pad) : Value()},
      {"torch_dtype", dtype}, {"use_cache", true}};
  if (family.window_is_switched) config.set("use_sliding_window", false);
  else if (family.sliding_window > 0 || family.moe) config.set("sliding_window", Value());
  if (family.qkv_bias == Presence::by_field) config.set(kBiasField, spec.qkv_bias);
  if (spec.moe) set_moe(config, spec, family);
  return config;
}

}  // namespace symphony
