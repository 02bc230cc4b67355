// The list of tensors of a spec, its checks and comparisons.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/model_spec.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using symphony::testing::tiny_spec;

namespace {

std::vector<std::string> tensor_names(const ModelSpec& spec) {
  std::vector<std::string> names;
  for (const SpecTensor& tensor : spec_tensors(spec)) names.push_back(tensor.name);
  return names;
}

void check_refused(const ModelSpec& spec, const std::string& message) {
  CHECK_THROWS_WITH(check_spec(spec, "here"), message);
  CHECK_THROWS_AS(check_spec(spec, "here"), DataError);
}

}  // namespace

TEST_CASE("model_spec: the tensors of a dense layer come in the order of the forward pass", "[core][model]") {
  const auto spec = tiny_spec({.layers = 1, .qkv_bias = true});
  const std::vector<std::string> expected = {
      "model.embed_tokens.weight", "model.layers.0.input_layernorm.weight", "model.layers.0.self_attn.q_proj.weight",
      "model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.k_proj.bias",
      "model.layers.0.self_attn.v_proj.weight", "model.layers.0.self_attn.v_proj.bias", "model.layers.0.self_attn.o_proj.weight",
      "model.layers.0.post_attention_layernorm.weight", "model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight",
      "model.layers.0.mlp.down_proj.weight", "model.norm.weight", "lm_head.weight"};
  CHECK(tensor_names(spec) == expected);
}

TEST_CASE("model_spec: shapes follow grouped-query attention", "[core][model]") {
  for (const SpecTensor& tensor : spec_tensors(tiny_spec({.qkv_bias = true}))) {
    using Shape = std::vector<std::int64_t>;
    if (tensor.name == "model.layers.1.self_attn.q_proj.weight") CHECK((tensor.shape == Shape{32, 32}));
    if (tensor.name == "model.layers.1.self_attn.k_proj.weight") CHECK((tensor.shape == Shape{16, 32}));
    if (tensor.name == "model.layers.1.self_attn.v_proj.bias") CHECK((tensor.shape == Shape{16}));
    if (tensor.name == "model.layers.1.mlp.down_proj.weight") CHECK((tensor.shape == Shape{32, 48}));
    CHECK((tensor.layer == -1) == !tensor.name.starts_with("model.layers."));
    CHECK(tensor.expert == -1);
  }
}

TEST_CASE("model_spec: a mixture replaces the FFN by experts and leaves the router to its plugin", "[core][model]") {
  const auto spec = tiny_spec({.layers = 2, .tied_head = true, .num_experts = 4});
  std::int64_t ffn_tensors = 0;
  for (const SpecTensor& tensor : spec_tensors(spec)) {
    CHECK(tensor.kind != TensorKind::router);
    CHECK(tensor.kind != TensorKind::lm_head);
    if (tensor.kind != TensorKind::ffn) continue;
    ++ffn_tensors;
    CHECK(tensor.name.starts_with(fmt::format("{}mlp.experts.{}.", layer_prefix(tensor.layer), tensor.expert)));
  }
  CHECK(ffn_tensors == 2 * 4 * 3);
}

TEST_CASE("model_spec: the parameters of the prototype's model are counted", "[core][model]") {
  const auto spec = tiny_spec({.layers = 3, .hidden = 96, .heads = 4, .kv_heads = 4, .head_dim = 24, .ffn = 256, .vocab = 256});
  CHECK(count_parameters(spec) == 2 * 256 * 96 + 3 * (4 * 96 * 96 + 3 * 96 * 256 + 2 * 96) + 96);
}

TEST_CASE("model_spec: every field is checked with its value and what was expected", "[core][model]") {
  const auto changed = [](auto&& change) {
    ModelSpec spec = tiny_spec();
    change(spec);
    return spec;
  };
  CHECK_NOTHROW(check_spec(tiny_spec(), "here"));
  CHECK_NOTHROW(check_spec(tiny_spec({.num_experts = 4}), "here"));
  check_refused(changed([](auto& s) { s.family = "lama"; }), "here: unknown model family 'lama'; did you mean 'llama'?");
  check_refused(changed([](auto& s) { s.vocab_size = 0; }), "here: vocab_size is 0, expected 1 to 1073741824");
  check_refused(changed([](auto& s) { s.hidden_size = -3; }), "here: hidden_size is -3, expected 1 to 1073741824");
  check_refused(changed([](auto& s) { s.num_layers = 1 << 20; }), "here: num_layers is 1048576, expected 1 to 4096");
  check_refused(changed([](auto& s) { s.num_heads = 1 << 30, s.head_dim = 1 << 30; }),
                "here: num_heads * head_dim is 1152921504606846976, expected 1 to 1073741824");
  check_refused(changed([](auto& s) { s.num_kv_heads = 3; }), "here: num_heads is 4, expected a multiple of num_kv_heads, 3");
  check_refused(changed([](auto& s) { s.head_dim = 7; }), "here: head_dim is 7, expected an even number (rotary positions turn pairs)");
  check_refused(changed([](auto& s) { s.norm_eps = 0; }), "here: norm_eps is 0, expected a positive finite number");
  check_refused(changed([](auto& s) { s.rope_theta = std::numeric_limits<double>::quiet_NaN(); }),
                "here: rope_theta is nan, expected a positive finite number");
  check_refused(changed([](auto& s) { s.rope_scaling = RopeScaling{.kind = "lama3"}; }), "here: the rope scaling is 'lama3'; did you mean 'llama3'?");
  check_refused(changed([](auto& s) { s.rope_scaling = RopeScaling{"llama3", 8.0, 4.0, 4.0, 8192}; }),
                "here: the rope scaling's high_freq_factor is 4, expected more than low_freq_factor, 4");
  check_refused(changed([](auto& s) { s.ffn_size = 0; }), "here: ffn_size is 0, expected 1 to 1073741824");
  check_refused(changed([](auto& s) { s.moe = MoeSpec{0, 8, {"top_k", {}}, 1.0}; }), "here: num_experts is 0, expected 1 to 65536");
  check_refused(changed([](auto& s) { s.moe = MoeSpec{4, 8, {}, 1.0}; }), "here: the mixture of experts names no router");
}

TEST_CASE("model_spec: equal specs do not differ", "[core][model]") {
  CHECK(compare_specs(tiny_spec({.num_experts = 2}), tiny_spec({.num_experts = 2})).empty());
}

TEST_CASE("model_spec: differences name the field, both values, and whether they forbid merging", "[core][model]") {
  const ModelSpec left = tiny_spec();
  ModelSpec right = left;
  right.rope_theta = 1e6;
  right.max_positions = 4096;
  right.tied_head = true;
  right.family = "mistral";
  right.rope_scaling = RopeScaling{"llama3", 8.0, 1.0, 4.0, 8192};
  right.qk_norm = true;
  const auto differences = compare_specs(left, right);
  REQUIRE(differences.size() == 6);
  CHECK(differences[0].field == "rope_theta");
  CHECK(differences[0].left == "10000");
  CHECK(differences[0].right == "1000000");
  CHECK(differences[0].fatal);
  CHECK(differences[1].field == "rope_scaling");
  CHECK(differences[1].left == "none");
  CHECK(differences[1].right == "llama3, factor 8, low_freq_factor 1, high_freq_factor 4, original positions 8192");
  CHECK(differences[2].field == "tied_head");
  CHECK(differences[3].field == "qk_norm");
  CHECK(differences[3].fatal);
  CHECK(differences[4].field == "max_positions");
  CHECK_FALSE(differences[4].fatal);
  CHECK(differences[5].field == "family");
  CHECK_FALSE(differences[5].fatal);
}

TEST_CASE("model_spec: a dense model and a mixture differ in one line", "[core][model]") {
  const auto differences = compare_specs(tiny_spec(), tiny_spec({.num_experts = 4}));
  REQUIRE(differences.size() == 1);
  CHECK(differences[0].field == "moe");
  CHECK(differences[0].left == "dense");
  CHECK(differences[0].right == "4 experts of width 48, router top_k, output scale 1");
}

TEST_CASE("model_spec: the kinds have the names that experiments write", "[core][model]") {
  CHECK(kind_name(TensorKind::embedding) == "embedding");
  CHECK(kind_name(TensorKind::lm_head) == "lm_head");
  CHECK(kind_name(TensorKind::router) == "router");
}
