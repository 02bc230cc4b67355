// What norms over query and key heads (Qwen3) leave of the gauge between Q and K (methods-alignment 1.3), and what they take away. Judged by the
// decoder in float64, which test_families.cpp holds against transformers.
#include <cmath>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/head_gauge.hpp"
#include "core/model/language_model.hpp"
#include "core/model/symmetry.hpp"
#include "core/model/weight_similarity.hpp"
#include "tests/support/model_difference.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

const std::string kLayer = "model.layers.0.self_attn.";

ModelSpec normed_spec() {
  ModelSpec spec = tiny_spec({});  // 4 query heads in 2 groups, heads of 8
  spec.qk_norm = true;
  return spec;
}

double logit_change(const Model& before, const Model& after) {
  const torch::Tensor tokens_BT = random_tokens(2, 20, before.spec.vocab_size, 3);
  const torch::NoGradGuard no_grad;
  const auto logits = [&](const Model& model) { return LanguageModel(model, nullptr, torch::kCPU, torch::kFloat64).forward(tokens_BT, positions_for(tokens_BT)); };
  const torch::Tensor old_BTV = logits(before);
  return ((logits(after) - old_BTV).abs().max() / old_BTV.abs().max()).item<double>();
}

/// With float64 weights, so that nothing is rounded between transforms.
Model normed_model(std::uint64_t seed) {
  const Model model = random_model(normed_spec(), seed);
  TensorMap tensors = load_all(*model.tensors);
  for (auto& [name, tensor] : tensors) tensor = tensor.to(torch::kFloat64);
  return {model.spec, std::make_shared<MemorySource>(tensors, "normed"), model.name};
}

Model with(const Model& model, const TensorMap& changed) {
  TensorMap tensors = load_all(*model.tensors);
  for (const auto& [name, tensor] : changed) tensors.at(name) = tensor;
  return {model.spec, std::make_shared<MemorySource>(tensors, "changed"), "changed"};
}

torch::Tensor factors(std::int64_t blocks, double angle) {
  return torch::polar(torch::ones({blocks, 4}, torch::kFloat64), torch::full({blocks, 4}, angle, torch::kFloat64));
}

}  // namespace

TEST_CASE("symmetry: what head norms leave of the gauge keeps the logits, group by group and together", "[core][model]") {
  const auto groups = symmetry_groups(normed_spec());
  for (const std::uint64_t seed : {1u, 2u}) {
    const Model model = normed_model(seed);
    const TransformSet all = random_transforms(groups, {"gauge"}, true, seed);
    for (const char* name : {"qk", "qk_turn", "q_signs", "k_signs", "qk_scale"}) {
      const std::string id = std::string("layer.0.") + name;
      CAPTURE(seed, id);
      REQUIRE_FALSE(all.at(id).is_identity());
      const Model moved = apply_transforms(model, {{id, all.at(id)}});
      CHECK(largest_difference(model, moved) > 0.1);
      CHECK(logit_change(model, moved) < 1e-12);
    }
    CHECK(logit_change(model, apply_transforms(model, random_transforms(groups, scope_names(), true, seed))) < 1e-12);
  }
}

TEST_CASE("symmetry: signs and turns of normed heads compose and invert bit for bit", "[core][model]") {
  const auto groups = symmetry_groups(normed_spec());
  for (const std::uint64_t seed : {3u, 4u, 5u}) {
    CAPTURE(seed);
    const Model model = random_model(normed_spec(), seed);
    const auto draw = [&](std::uint64_t stream) {
      TransformSet set = random_transforms(groups, {"gauge", "attention_heads"}, true, stream);
      std::erase_if(set, [](const auto& entry) { return entry.first.ends_with(".vo") || entry.first.ends_with("_scale"); });
      return set;
    };
    const TransformSet first = draw(seed), later = draw(seed + 100);
    const Model once = apply_transforms(model, compose(model.spec, later, first)), twice = apply_transforms(apply_transforms(model, first), later);
    CHECK(largest_difference(once, twice) == 0);
    CHECK(largest_difference(model, apply_transforms(apply_transforms(model, first), inverse(model.spec, first))) == 0);
    for (const auto& [id, element] : first) {
      CAPTURE(id);
      CHECK(element.is_exact());
      CHECK(torch::equal(Transform::from_tensors(element.to_tensors(), "test").dense(), element.dense()));
    }
    const TransformSet whole = random_transforms(groups, scope_names(), true, seed);
    CHECK(largest_difference(model, apply_transforms(apply_transforms(model, whole), inverse(model.spec, whole))) < 1e-5);
    CHECK(largest_difference(apply_transforms(model, compose(model.spec, whole, later)), apply_transforms(apply_transforms(model, later), whole)) < 1e-5);
  }
}

TEST_CASE("symmetry: what looks like a gauge of normed heads changes the logits", "[core][model]") {
  const Model model = normed_model(6);
  const std::string query = kLayer + "q_proj.weight", key = kLayer + "k_proj.weight", query_norm = kLayer + "q_norm.weight", key_norm = kLayer + "k_norm.weight";
  const auto get = [&](const std::string& name) { return model.tensors->get(name); };
  const auto turned = [&](const torch::Tensor& by_group) {
    const Transform element = Transform::pairs(by_group);
    return TensorMap{{query, element.apply(get(query), 0, 1, Action::direct, 2)}, {key, element.apply(get(key), 0, 1, Action::dual)}};
  };
  const Transform exchange = Transform::pairs(factors(1, M_PI / 2));
  SECTION("any rotation of rotary pairs") { CHECK(logit_change(model, with(model, turned(factors(2, 0.7)))) > 1e-2); }
  SECTION("unless both gains are equal inside every pair") {
    const auto paired = [&](const std::string& name) { return get(name).narrow(0, 0, 4).repeat({2}); };
    const Model even = with(model, {{query_norm, paired(query_norm)}, {key_norm, paired(key_norm)}});
    CHECK(logit_change(even, with(even, turned(factors(2, 0.7)))) < 1e-12);
  }
  SECTION("a quarter turn under gains that stay") { CHECK(logit_change(model, with(model, turned(factors(2, M_PI / 2)))) > 1e-2); }
  SECTION("a quarter turn of one KV group alone") {
    TensorMap changed = turned(torch::cat({factors(1, M_PI / 2), factors(1, 0)}));
    for (const std::string& name : {query_norm, key_norm}) changed[name] = exchange.apply(get(name), 0, 1, Action::relabel);
    CHECK(logit_change(model, with(model, changed)) > 1e-2);
  }
  SECTION("signs of features that the gain does not follow, or that one head does not have") {
    torch::Tensor signs = torch::ones({8}, torch::kFloat64);
    signs[2] = -1;
    const torch::Tensor all_heads = get(query) * signs.repeat({4}).unsqueeze(1), three = torch::cat({all_heads.narrow(0, 0, 24), get(query).narrow(0, 24, 8)});
    CHECK(logit_change(model, with(model, {{query, all_heads}})) > 1e-2);
    CHECK(logit_change(model, with(model, {{query, three}, {query_norm, get(query_norm) * signs}})) > 1e-2);
    CHECK(logit_change(model, with(model, {{query, all_heads}, {query_norm, get(query_norm) * signs}})) < 1e-12);
  }
  SECTION("a scale of one gain of a pair, or of one norm") {
    torch::Tensor one = torch::ones({8}, torch::kFloat64), pair = torch::ones({8}, torch::kFloat64);
    one[1] = pair[1] = pair[5] = 2;
    CHECK(logit_change(model, with(model, {{query_norm, get(query_norm) * pair}})) > 1e-2);
    CHECK(logit_change(model, with(model, {{query_norm, get(query_norm) * one}, {key_norm, get(key_norm) / one}})) > 1e-2);
    CHECK(logit_change(model, with(model, {{query_norm, get(query_norm) * pair}, {key_norm, get(key_norm) / pair}})) < 1e-12);
  }
  SECTION("the same, asked for as elements") {
    const auto check = [&](const char* id, const Transform& element) { check_transforms(symmetry_groups(model.spec), {{id, element}}, "test"); };
    CHECK_THROWS_WITH(check("layer.0.qk", Transform::pairs(factors(2, M_PI / 2))),
                      "test: group 'layer.0.qk': a rotary pair of heads with norms of their own has a factor other than 1 and -1");
    CHECK_THROWS_WITH(check("layer.0.qk_turn", Transform::pairs(factors(1, 0.7))),
                      "test: group 'layer.0.qk_turn': a rotary pair of heads with norms of their own has a factor other than 1, i, -1 and -i");
    CHECK_THROWS_AS(check("layer.0.q_signs", Transform::diagonal(torch::full({8}, 2.0))), PluginError);
    CHECK_THROWS_AS(check("layer.0.qk_scale", Transform::diagonal(torch::full({4}, -2.0))), PluginError);
  }
}

TEST_CASE("head gauge: the gauge of normed heads is found again, and the orbit of a model has one answer", "[core][model]") {
  const auto groups = symmetry_groups(normed_spec());
  for (const std::uint64_t seed : {7u, 8u, 9u}) {
    CAPTURE(seed);
    const Model anchor = random_model(normed_spec(), seed), other = random_model(normed_spec(), seed + 100);
    const auto aligned = [&](const Model& source) {
      TransformSet set;
      for (std::int64_t layer = 0; layer < 2; ++layer) set_head_gauge(layer, match_head_gauge(anchor, source, layer), set);
      return apply_transforms(source, set);
    };
    const TransformSet planted = random_transforms(groups, {"gauge"}, true, seed);
    CHECK(largest_difference(anchor, aligned(apply_transforms(anchor, planted))) < 1e-5);
    CHECK(largest_difference(anchor, aligned(anchor)) < 1e-6);
    CHECK(largest_difference(aligned(other), aligned(apply_transforms(other, planted))) < 1e-4);
    CHECK(logit_change(other, aligned(other)) < 1e-5);
    const HeadGauge found = match_head_gauge(anchor, other, 0), again = match_head_gauge(anchor, aligned(other), 0);
    CHECK(found.qk_after > found.qk_before);
    CHECK(again.qk_before == Approx(found.qk_after).margin(1e-6));
    CHECK(again.qk_angle == 0);
  }
}

TEST_CASE("weight similarity: circuits of normed heads do not see their gauge", "[core][model]") {
  const Model anchor = random_model(normed_spec(), 10), other = random_model(normed_spec(), 11);
  const Model moved = apply_transforms(other, random_transforms(symmetry_groups(normed_spec()), {"gauge"}, true, 12));
  CHECK(torch::allclose(head_circuit_similarity(anchor, other, 1), head_circuit_similarity(anchor, moved, 1), 0, 1e-5));
  CHECK(torch::allclose(head_circuit_similarity(other, moved, 1).diagonal(), torch::full({4}, 2.0, torch::kFloat64), 0, 1e-5));
}
