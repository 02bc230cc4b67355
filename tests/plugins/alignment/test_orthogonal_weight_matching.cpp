// Orthogonal weight matching: the polar factor of embeddings, planted rotations of whole models, orbits, the rising agreement.
#include "tests/plugins/alignment/planted.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("orthogonal_weight_matching: without sweeps the rotation is that of embedding and head", "[plugin][alignment.orthogonal_weight_matching][known-value]") {
  const Model anchor = random_model(planted_spec(), 1), source = random_model(planted_spec(), 2);
  const auto method = make_plugin<Alignment>("orthogonal_weight_matching", ValueMap{{"scope", scope_value({"residual"})}, {"max_sweeps", 0}});
  const auto weighed = [](const Model& model, const char* name, bool is_head) {
    const torch::Tensor weight = model.tensors->get(name).to(torch::kFloat64);
    const torch::Tensor gained = is_head ? weight * model.tensors->get("model.norm.weight").to(torch::kFloat64) : weight;
    return gained / gained.norm();
  };
  torch::Tensor moment = torch::zeros({32, 32}, torch::kFloat64);
  for (const bool is_head : {false, true}) {
    const char* name = is_head ? "lm_head.weight" : "model.embed_tokens.weight";
    moment += weighed(anchor, name, is_head).t().mm(weighed(source, name, is_head));
  }
  const auto [u, s, vh] = torch::linalg_svd(moment, false);
  CHECK(torch::allclose(align(*method, anchor, source).set.at("residual").dense(), u.mm(vh), 0, 1e-9));
}

TEST_CASE("orthogonal_weight_matching: recovers a planted rotation with heads, gauges, gains and units on top",
          "[plugin][alignment.orthogonal_weight_matching][invariant]") {
  for (const bool tied : {false, true}) {
    CAPTURE(tied);
    const auto method = make_plugin<Alignment>("orthogonal_weight_matching");
    REQUIRE(method->unties());
    const Model anchor = untied(random_model(planted_spec(tied), 3)), source = anywhere_on_its_orbit(anchor, 4);
    REQUIRE(largest_difference(anchor, source) > 0.1);
    CHECK(largest_difference(anchor, align(*method, anchor, source).model) < 2e-5);
  }
}

TEST_CASE("orthogonal_weight_matching: the gauge in which a source comes does not matter, and its function stays",
          "[plugin][alignment.orthogonal_weight_matching][invariant]") {
  const auto method = make_plugin<Alignment>("orthogonal_weight_matching");
  const Model anchor = random_model(planted_spec(), 5), source = random_model(planted_spec(), 6);
  const Aligned plain = align(*method, anchor, source), orbit = align(*method, anchor, anywhere_on_its_orbit(source, 7));
  CHECK(largest_difference(plain.model, orbit.model) < 1e-3);
  CHECK_NOTHROW(check_invariance(source, plain.model, random_tokens(4, 16, 61, 3), kRotationTolerance, plain.set));
}

TEST_CASE("orthogonal_weight_matching: sweeps over every block raise the agreement", "[plugin][alignment.orthogonal_weight_matching][invariant]") {
  for (const std::uint64_t seed : {8u, 9u}) {
    CAPTURE(seed);
    const Aligned found = align(*make_plugin<Alignment>("orthogonal_weight_matching"), random_model(planted_spec(), seed), random_model(planted_spec(), seed + 100));
    CHECK(found.records.arrays.at("alignment/residual/agreement_after")[1] > found.records.arrays.at("alignment/residual/agreement_before")[1]);
  }
}

TEST_CASE("orthogonal_weight_matching: a model with itself stays where it is", "[plugin][alignment.orthogonal_weight_matching][invariant]") {
  const Model anchor = random_model(planted_spec(), 10);
  const Aligned own = align(*make_plugin<Alignment>("orthogonal_weight_matching"), anchor, anchor);
  CHECK(own.set.at("residual").is_identity());
  CHECK(largest_difference(anchor, own.model) < 1e-6);
}

TEST_CASE("orthogonal_weight_matching: unknown scopes and negative sweeps are refused", "[plugin][alignment.orthogonal_weight_matching][wrong-input]") {
  CHECK_THAT(refusal_of("alignment", "orthogonal_weight_matching", ValueMap{{"scope", "rotation"}}),
             Catch::Contains("expected one of: ffn, attention_heads, gauge, gains, residual"));
  CHECK_THAT(refusal_of("alignment", "orthogonal_weight_matching", ValueMap{{"max_sweeps", -1}}), Catch::Contains("alignment.orthogonal_weight_matching: max_sweeps"));
}

TEST_CASE("orthogonal_weight_matching: keeps the plugin contract", "[plugin][alignment.orthogonal_weight_matching][contract]") {
  check_contract("alignment", "orthogonal_weight_matching");
}
