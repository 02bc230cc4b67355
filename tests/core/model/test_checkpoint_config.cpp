// config.json of a Hugging Face directory, to and from a ModelSpec.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/model/checkpoint_config.hpp"
#include "core/model/checkpoint_names.hpp"
#include "core/model/family.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using symphony::testing::tiny_spec;

namespace {

// As published with a small model of the family, less the fields that only generation and training read.
constexpr const char* kSmolConfig = R"({
  "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
  "hidden_act": "silu", "hidden_size": 576, "initializer_range": 0.041666666666666664, "intermediate_size": 1536,
  "max_position_embeddings": 8192, "mlp_bias": false, "model_type": "llama", "num_attention_heads": 9, "num_hidden_layers": 30,
  "num_key_value_heads": 3, "pad_token_id": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_interleaved": false, "rope_scaling": null,
  "rope_theta": 100000, "tie_word_embeddings": true, "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 49152
})";

Value written(const ModelSpec& spec, const SpecialTokenIds& ids = {}) {
  return config_from_spec(spec, family_to_write(spec, "", "here"), ids, "float32", "here");
}

Value config_with(const char* key, Value value) {
  Value config = parse_json(kSmolConfig, "test");
  config.set(key, std::move(value));
  return config;
}

void check_refused(const Value& config, const std::string& message) {
  CHECK_THROWS_WITH(spec_from_config(config, "config.json"), message);
  CHECK_THROWS_AS(spec_from_config(config, "config.json"), DataError);
}

}  // namespace

TEST_CASE("checkpoint_config: a published Llama configuration is read", "[core][model]") {
  const ModelSpec spec = spec_from_config(parse_json(kSmolConfig, "test"), "config.json");
  CHECK(spec.family == "llama");
  CHECK(spec.head_dim == 64);
  CHECK(spec.num_kv_heads == 3);
  CHECK(spec.rope_theta == 100000.0);
  CHECK(spec.norm_eps == 1e-5);
  CHECK(spec.tied_head);
  CHECK_FALSE(spec.qkv_bias);
  // The size that the model's name states: 135 million.
  CHECK(count_parameters(spec) == 134515008);
  const SpecialTokenIds ids = token_ids_from_config(parse_json(kSmolConfig, "test"), "config.json");
  CHECK(ids == SpecialTokenIds{1, 2, {2}});
}

TEST_CASE("checkpoint_config: absent fields take the defaults of transformers", "[core][model]") {
  const char* minimal = R"({"model_type": "%", "vocab_size": 32, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
                            "num_attention_heads": 32, "max_position_embeddings": 64, "num_local_experts": 4, "head_dim": 2, "sliding_window": null})";
  const auto read = [&](const std::string& type) {
    std::string text = minimal;
    text.replace(text.find('%'), 1, type);
    return spec_from_config(parse_json(text, "test"), "config.json");
  };
  CHECK(read("llama").num_kv_heads == 32);
  CHECK(read("mistral").num_kv_heads == 8);
  CHECK(read("llama").rope_theta == 1e4);
  CHECK_FALSE(read("llama").tied_head);
  CHECK(read("qwen2").qkv_bias);
  CHECK(read("mixtral").rope_theta == 1e6);
  CHECK(read("mixtral").norm_eps == 1e-5);
  CHECK(read("mixtral").moe->router == implied_router(true, 2));
}

TEST_CASE("checkpoint_config: every kind of spec survives writing and reading", "[core][model]") {
  ModelSpec own = tiny_spec({.num_experts = 4});
  own.moe->router = {"hash", ValueMap{{"layers", ValueList{1, 2}}, {"temperature", 0.1}, {"salt", "x"}}};
  own.moe->output_scale = 0.25;
  ModelSpec odd = tiny_spec({.tied_head = true});
  odd.norm_eps = 0.1 + 0.2;
  odd.rope_theta = 1e6;
  ModelSpec mistral = tiny_spec(), normed = tiny_spec(), normed_experts = tiny_spec({.num_experts = 3}), shared = tiny_spec({.qkv_bias = true, .num_experts = 3});
  mistral.family = "mistral";
  mistral.rope_scaling = RopeScaling{.kind = "linear", .factor = 2.5};
  normed.family = normed_experts.family = "qwen3";
  normed.qk_norm = normed_experts.qk_norm = true;
  shared.moe->shared_width = 20;
  ModelSpec unsure = tiny_spec({.num_experts = 3}), scaled = tiny_spec();
  unsure.moe->router = implied_router(false, 1);
  scaled.rope_scaling = RopeScaling{"llama3", 8.0, 1.0, 4.0, 8192};
  const std::vector<std::pair<std::string, ModelSpec>> specs = {
      {"llama", tiny_spec()}, {"llama", odd}, {"qwen2", tiny_spec({.qkv_bias = true})}, {"mixtral", tiny_spec({.num_experts = 4})},
      {"symphony_moe", own}, {"qwen2_moe", tiny_spec({.qkv_bias = true, .num_experts = 2})},
      {"mistral", mistral}, {"qwen3", normed}, {"qwen3_moe", normed_experts}, {"qwen2_moe", shared}, {"qwen2_moe", unsure}, {"llama", scaled}};
  for (const auto& [type, spec] : specs) {
    const SpecialTokenIds ids{256, {}, {257, 258}};
    const Value config = parse_json(to_json(written(spec, ids), 2), "test");
    CHECK(config.find("model_type")->as_string() == type);
    CHECK(compare_specs(spec_from_config(config, "test"), spec).empty());
    CHECK(spec_from_config(config, "test") == spec);
    CHECK(token_ids_from_config(config, "test") == ids);
  }
}

TEST_CASE("checkpoint_config: unknown model types are answered with the known ones", "[core][model]") {
  check_refused(config_with("model_type", "gpt2"), "config.json: unknown model_type 'gpt2'; known: llama, mistral, qwen2, qwen3, mixtral, qwen3_moe, qwen2_moe, symphony_moe");
  check_refused(config_with("model_type", "qwen4"), "config.json: unknown model_type 'qwen4'; did you mean 'qwen2'?");
  check_refused(config_with("model_type", Value()), "config.json: has no model_type");
  check_refused(config_with("architectures", ValueList{"LlamaForSequenceClassification"}),
                "config.json: architectures is the string 'LlamaForSequenceClassification', expected [LlamaForCausalLM] for model_type llama");
  check_refused(Value(3), "config.json: got the number 3, expected a map");
}

TEST_CASE("checkpoint_config: fields of the wrong type are refused by name", "[core][model]") {
  check_refused(config_with("hidden_size", "576"), "config.json: hidden_size is the string '576', expected an integer");
  check_refused(config_with("vocab_size", Value()), "config.json: has no vocab_size");
  check_refused(config_with("rms_norm_eps", true), fmt::format("config.json: rms_norm_eps is {}, expected a number", Value(true).describe()));
  check_refused(config_with("tie_word_embeddings", 1), "config.json: tie_word_embeddings is the number 1, expected true or false");
  check_refused(config_with("num_attention_heads", 7), "config.json: hidden_size is 576, expected a multiple of num_attention_heads, 7, or a head_dim");
  check_refused(config_with("num_key_value_heads", 4), "config.json: num_heads is 9, expected a multiple of num_kv_heads, 4");
}

TEST_CASE("checkpoint_config: what we would not compute is refused, not ignored", "[core][model]") {
  check_refused(config_with("hidden_act", "gelu"), "config.json: hidden_act is 'gelu', expected 'silu'");
  check_refused(config_with("attention_bias", true), "config.json: attention_bias is true, which is not supported, expected false");
  check_refused(config_with("decoder_sparse_step", 2),
                "config.json: decoder_sparse_step is 2; a mixture of dense and expert layers is not supported, expected 1");
  check_refused(config_with("mlp_only_layers", ValueList{0}),
                "config.json: mlp_only_layers is not empty; a mixture of dense and expert layers is not supported, expected []");
  check_refused(config_with("sliding_window", 0), "config.json: sliding_window is 0, expected null or at least 1");
  check_refused(config_with("quantization_config", ValueMap{}), "config.json: the weights are quantised, expected plain floating-point tensors");
  check_refused(config_with("layer_types", ValueList{"full_attention", "sliding_attention"}),
                "config.json: layer_types holds other layers than 'full_attention', which are not supported");
  check_refused(config_with("partial_rotary_factor", 0.5), "config.json: partial_rotary_factor is not supported, expected 1");
}

TEST_CASE("checkpoint_config: rope_parameters of newer files are read", "[core][model]") {
  Value config = config_with("rope_theta", Value());
  config.set("rope_parameters", ValueMap{{"rope_type", "default"}, {"rope_theta", 5e5}});
  CHECK(spec_from_config(config, "config.json").rope_theta == 5e5);
  config.set("rope_theta", 1e4);
  check_refused(config, "config.json: rope_theta is 10000 and in rope_parameters it is 500000, expected the same");
}

TEST_CASE("checkpoint_config: both spellings of rotary scaling are read, and nothing is guessed", "[core][model]") {
  const ValueMap llama3{{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 8192}};
  const RopeScaling expected{"llama3", 8.0, 1.0, 4.0, 8192};
  CHECK(spec_from_config(config_with("rope_scaling", llama3), "config.json").rope_scaling == expected);
  CHECK(spec_from_config(config_with("rope_parameters", llama3), "config.json").rope_scaling == expected);
  CHECK(spec_from_config(config_with("rope_scaling", ValueMap{{"type", "linear"}, {"factor", 2}}), "config.json").rope_scaling ==
        RopeScaling{.kind = "linear", .factor = 2.0});
  CHECK_FALSE(spec_from_config(config_with("rope_scaling", ValueMap{{"type", "default"}}), "config.json").rope_scaling);
  const auto without = [&](const char* key) {
    ValueMap changed = llama3;
    for (auto& [name, value] : changed)
      if (name == key) value = Value();
    return config_with("rope_scaling", changed);
  };
  check_refused(without("factor"), "config.json: rope_scaling: has no factor");
  check_refused(without("original_max_position_embeddings"), "config.json: rope_scaling: has no original_max_position_embeddings");
  check_refused(config_with("rope_scaling", ValueMap{{"type", "yarn"}, {"factor", 4.0}}),
                "config.json: rope_scaling: the rope type is 'yarn', expected 'default', 'linear' or 'llama3'");
  check_refused(config_with("rope_scaling", ValueMap{{"type", "linear"}, {"factor", 4.0}, {"beta_fast", 32}}),
                "config.json: rope_scaling: unknown field 'beta_fast' for this rope type; known: factor, rope_type, type, rope_theta, partial_rotary_factor");
  check_refused(config_with("rope_scaling", ValueMap{{"type", "linear"}, {"factor", -1.0}}),
                "config.json: the rope scaling's factor is -1, expected a positive finite number");
}

TEST_CASE("checkpoint_config: positions end with a window that is in force, as the file or the family says", "[core][model]") {
  Value config = config_with("model_type", "mistral");
  config.set("architectures", Value());
  const auto positions = [&config] { return spec_from_config(config, "config.json").max_positions; };
  CHECK(positions() == 4096);  // the family's, where the file does not say
  config.set("sliding_window", Value());
  CHECK(positions() == 8192);
  config.set("sliding_window", 512);
  CHECK(positions() == 512);
  config.set("sliding_window", 100000);
  CHECK(positions() == 8192);
  config.set("model_type", "qwen2");
  config.set("sliding_window", 16);
  CHECK(positions() == 8192);
  config.set("use_sliding_window", true);
  check_refused(config, "config.json: use_sliding_window is true, which is not supported, expected false");
}

TEST_CASE("checkpoint_config: a spec without a configuration is refused", "[core][model]") {
  ModelSpec spec = tiny_spec();
  spec.qkv_bias = true;
  CHECK_THROWS_WITH(written(spec), "here: cannot be written as llama: the model has q/k/v biases, which llama does not have; what fits is qwen2");
  spec = tiny_spec();
  spec.num_kv_heads = 3;
  CHECK_THROWS_AS(written(spec), DataError);
}

TEST_CASE("checkpoint_names: experts and gate of a Mixtral take its names", "[core][model]") {
  const Family& family = find_family("mixtral", "here");
  const auto disk = [&](const char* name) { return disk_name(family, ExpertLayout::separate, name); };
  CHECK(disk("model.layers.1.mlp.experts.11.gate_proj.weight") == "model.layers.1.block_sparse_moe.experts.11.w1.weight");
  CHECK(disk("model.layers.1.mlp.experts.0.up_proj.weight") == "model.layers.1.block_sparse_moe.experts.0.w3.weight");
  CHECK(disk("model.layers.1.mlp.experts.0.down_proj.weight") == "model.layers.1.block_sparse_moe.experts.0.w2.weight");
  CHECK(disk("model.layers.10.mlp.router.weight") == "model.layers.10.block_sparse_moe.gate.weight");
  CHECK(disk("model.layers.0.self_attn.q_proj.weight") == "model.layers.0.self_attn.q_proj.weight");
  CHECK(disk("model.norm.weight") == "model.norm.weight");
}

TEST_CASE("checkpoint_names: dense models and routers of our own keep the canonical names", "[core][model]") {
  const auto disk = [](const char* family, const char* name, ExpertLayout layout = ExpertLayout::separate) {
    return disk_name(find_family(family, "here"), layout, name);
  };
  CHECK(disk("llama", "model.layers.1.mlp.gate_proj.weight") == "model.layers.1.mlp.gate_proj.weight");
  CHECK(disk("symphony_moe", "model.layers.1.mlp.router.weight") == "model.layers.1.mlp.router.weight");
  CHECK(disk("symphony_moe", "model.layers.1.mlp.experts.3.up_proj.weight") == "model.layers.1.block_sparse_moe.experts.3.w3.weight");
  CHECK(disk("symphony_moe", "model.layers.1.mlp.router.weight", ExpertLayout::packed) == "model.layers.1.mlp.router.weight");
  CHECK(disk("qwen2_moe", "model.layers.1.mlp.experts.3.up_proj.weight") == "model.layers.1.mlp.experts.3.up_proj.weight");
  CHECK(disk("qwen2_moe", "model.layers.1.mlp.router.weight") == "model.layers.1.mlp.gate.weight");
  CHECK(disk("mixtral", "model.layers.1.mlp.router.weight", ExpertLayout::packed) == "model.layers.1.mlp.gate.weight");
}

TEST_CASE("checkpoint_names: router parameters are told by their names", "[core][model]") {
  CHECK(router_layer("model.layers.12.mlp.router.weight") == 12);
  CHECK(router_layer("model.layers.12.mlp.router.") == -1);
  CHECK(router_layer("model.layers.x.mlp.router.weight") == -1);
  CHECK(router_layer("model.layers.99999999999999999999.mlp.router.weight") == -1);
  CHECK(router_layer("model.layers.-1.mlp.router.weight") == -1);
  CHECK(router_layer("model.layers.1.mlp.gate_proj.weight") == -1);
  CHECK(router_layer("mlp.router.weight") == -1);
}
