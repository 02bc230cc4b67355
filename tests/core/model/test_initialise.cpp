// Initial values of a model's tensors.
#include <catch2/catch.hpp>

#include "core/model/initialise.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using symphony::testing::random_model;
using symphony::testing::tiny_spec;

TEST_CASE("initialise: every spec tensor is there with its shape, and nothing else", "[core][model]") {
  const auto spec = tiny_spec({.qkv_bias = true, .num_experts = 3});
  const TensorMap parameters = initial_parameters(spec, 1);
  const auto expected = spec_tensors(spec);
  CHECK(parameters.size() == expected.size());
  for (const SpecTensor& tensor : expected) {
    CAPTURE(tensor.name);
    REQUIRE(parameters.count(tensor.name) == 1);
    CHECK(parameters.at(tensor.name).sizes().vec() == tensor.shape);
    CHECK(parameters.at(tensor.name).scalar_type() == torch::kFloat32);
  }
}

TEST_CASE("initialise: norms are one and biases zero", "[core][model]") {
  const TensorMap parameters = initial_parameters(tiny_spec({.qkv_bias = true}), 1);
  CHECK(parameters.at("model.norm.weight").eq(1).all().item<bool>());
  CHECK(parameters.at("model.layers.1.post_attention_layernorm.weight").eq(1).all().item<bool>());
  CHECK(parameters.at("model.layers.0.self_attn.k_proj.bias").eq(0).all().item<bool>());
}

TEST_CASE("initialise: standard deviations follow the fan-in and the depth", "[core][model]") {
  const std::uint64_t seed = GENERATE(1, 2, 3);
  CAPTURE(seed);
  const auto spec = tiny_spec({.layers = 3, .hidden = 96, .heads = 4, .kv_heads = 4, .head_dim = 24, .ffn = 256, .vocab = 256});
  const TensorMap parameters = initial_parameters(spec, seed);
  // The sample standard deviation of n draws has a relative standard error of 1 / sqrt(2 n), at most 0.0074 here; four of them.
  const auto check_std = [&](const char* name, double expected) {
    CAPTURE(name);
    CHECK(parameters.at(name).std().item<double>() == Approx(expected).epsilon(0.03));
    CHECK(std::abs(parameters.at(name).mean().item<double>()) < 0.05 * expected);
  };
  check_std("model.embed_tokens.weight", 1 / std::sqrt(3.0 * 96));
  check_std("lm_head.weight", 1 / std::sqrt(3.0 * 96));
  check_std("model.layers.2.self_attn.k_proj.weight", 1 / std::sqrt(3.0 * 96));
  check_std("model.layers.2.self_attn.o_proj.weight", 1 / std::sqrt(3.0 * 96 * 6));
  check_std("model.layers.0.mlp.down_proj.weight", 1 / std::sqrt(3.0 * 256 * 6));
}

TEST_CASE("initialise: a tensor depends on the seed and its name, not on the other tensors", "[core][model]") {
  const TensorMap small = initial_parameters(tiny_spec({.layers = 2, .vocab = 61}), 7);
  const TensorMap large = initial_parameters(tiny_spec({.layers = 2, .vocab = 80, .qkv_bias = true, .tied_head = true}), 7);
  const TensorMap other = initial_parameters(tiny_spec({.layers = 2, .vocab = 61}), 8);
  const char* name = "model.layers.1.mlp.up_proj.weight";
  CHECK(torch::equal(small.at(name), large.at(name)));
  CHECK_FALSE(torch::equal(small.at(name), other.at(name)));
  CHECK_FALSE(torch::equal(small.at(name), small.at("model.layers.0.mlp.up_proj.weight")));
}

TEST_CASE("tiny_model: random models leave no norm at one and no bias at zero", "[core][model]") {
  const Model model = random_model(tiny_spec({.qkv_bias = true, .num_experts = 4}), 3);
  CHECK_FALSE(model.tensors->get("model.norm.weight").eq(1).any().item<bool>());
  CHECK_FALSE(model.tensors->get("model.layers.0.self_attn.v_proj.bias").eq(0).any().item<bool>());
  CHECK(model.tensors->get("model.layers.1.mlp.router.weight").sizes() == torch::IntArrayRef({4, 32}));
}
