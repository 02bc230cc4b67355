// Closed-form gauges: what was planted comes back, and what cannot be balanced is only rotated.
#include <catch2/catch.hpp>

#include "core/model/ffn_units.hpp"
#include "core/model/head_gauge.hpp"
#include "core/model/symmetry.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

ModelSpec spec() { return tiny_spec({.qkv_bias = true}); }

TransformSet elements(const HeadGauge& gauge) {
  TransformSet set;
  set_head_gauge(0, gauge, set);
  return set;
}

double distance(const Model& a, const Model& b, const std::string& name) {
  const torch::Tensor left = a.tensors->get(name), right = b.tensors->get(name);
  return ((left - right).abs().max() / left.abs().max()).item<double>();
}

constexpr const char* kProjections[] = {"q_proj.weight", "q_proj.bias", "k_proj.weight", "k_proj.bias", "v_proj.weight", "v_proj.bias", "o_proj.weight"};

}  // namespace

TEST_CASE("head gauge: a planted change of basis and planted factors are undone", "[core][model]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const Model anchor = random_model(spec(), seed);
    const Model scrambled = apply_transforms(anchor, random_transforms(symmetry_groups(spec()), {"gauge"}, true, seed));
    const HeadGauge found = match_head_gauge(anchor, scrambled, 0);
    const Model back = apply_transforms(scrambled, elements(found));
    for (const char* name : kProjections) {
      CAPTURE(name);
      CHECK(distance(anchor, back, std::string("model.layers.0.self_attn.") + name) < 1e-6);
    }
    CHECK(found.qk_after == Approx(1).margin(1e-6));
    CHECK(found.vo_after == Approx(1).margin(1e-6));
    CHECK(found.qk_before < 0.9);
    CHECK(found.vo_condition > 1.5);
  }
}

TEST_CASE("head gauge: agreement with another model rises, and does not depend on the gauge it came in", "[core][model]") {
  const Model anchor = random_model(spec(), 4), other = random_model(spec(), 5);
  const HeadGauge plain = match_head_gauge(anchor, other, 0);
  const HeadGauge orbit = match_head_gauge(anchor, apply_transforms(other, random_transforms(symmetry_groups(spec()), {"gauge"}, true, 6)), 0);
  CHECK(plain.vo_after > plain.vo_before + 0.05);
  CHECK(plain.qk_after > plain.qk_before + 0.05);
  CHECK(orbit.vo_after == Approx(plain.vo_after).margin(1e-6));
  CHECK(orbit.qk_after == Approx(plain.qk_after).margin(1e-6));
  // What it reports is what the transformed weights have.
  const HeadGauge again = match_head_gauge(anchor, apply_transforms(other, elements(plain)), 0);
  CHECK(again.vo_before == Approx(plain.vo_after).margin(1e-6));
  CHECK(again.qk_before == Approx(plain.qk_after).margin(1e-6));
  CHECK(again.qk_angle < 1e-5);
  CHECK(again.vo_angle < 1e-3);
}

TEST_CASE("head gauge: a model with itself stays, and a head without values is only rotated", "[core][model]") {
  const Model model = random_model(spec(), 7);
  const HeadGauge own = match_head_gauge(model, model, 1);
  CHECK(torch::allclose(own.elements.at("vo").dense(), torch::eye(16, torch::kFloat64), 0, 1e-9));
  CHECK(torch::allclose(own.elements.at("qk").dense(), torch::eye(16, torch::kFloat64), 0, 1e-12));
  TensorMap tensors = load_all(*model.tensors);
  tensors["model.layers.1.self_attn.v_proj.weight"] = torch::zeros_like(tensors.at("model.layers.1.self_attn.v_proj.weight"));
  tensors["model.layers.1.self_attn.v_proj.bias"] = torch::zeros_like(tensors.at("model.layers.1.self_attn.v_proj.bias"));
  const Model dead{model.spec, std::make_shared<MemorySource>(tensors, "dead"), "dead"};
  const HeadGauge found = match_head_gauge(model, dead, 1);
  CHECK(found.vo_condition == Approx(1).margin(1e-9));
  CHECK(std::isfinite(found.vo_after));
}

TEST_CASE("head gauge: unit scales give the anchor's ratio of up to down norms", "[core][model]") {
  const Model anchor = random_model(spec(), 8), source = random_model(spec(), 9);
  const Model scaled = apply_transforms(source, {{"layer.1.ffn", Transform::diagonal(match_unit_scales(anchor, source, 1))}});
  CHECK(torch::allclose(unit_balance(scaled, 1), unit_balance(anchor, 1), 1e-6, 0));
}
