// Procrustes: the polar factor, planted rotations of whole models, orbits.
#include "tests/plugins/alignment/planted.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// The same second moments at every site and layer.
class GivenMoments final : public AlignmentStatistics {
 public:
  explicit GivenMoments(const torch::Tensor& values) {
    const torch::Tensor ones = torch::ones({values.size(0)}, torch::kFloat64), zeros = torch::zeros_like(ones);
    moments_ = {100, zeros, zeros, ones, ones, values};
  }
  const PairMoments& moments(std::size_t, Site, std::int64_t) const override { return moments_; }
  std::int64_t num_tokens() const override { return 100; }

 private:
  PairMoments moments_;
};

Value residual_only() { return ValueMap{{"scope", scope_value({"residual", "gains"})}}; }

}  // namespace

TEST_CASE("procrustes: of moments Q S with S positive, the rotation is Q", "[plugin][alignment.procrustes][known-value]") {
  const Model model = random_model(tiny_spec({.layers = 1, .hidden = 4}), 1);
  const torch::Tensor q = random_rotation(4, 2).dense();
  const torch::Tensor stretch = torch::diag(torch::tensor({4.0, 3.0, 2.0, 0.5}, torch::kFloat64));
  const std::vector<Model> sources{model, model};
  const auto groups = symmetry_groups(model.spec);
  ArrayRecorder recorder;
  Context context;
  context.recorder = &recorder;
  const auto set = make_plugin<Alignment>("procrustes", residual_only())->align({sources, 0, groups, GivenMoments(q.mm(stretch))}, context)[1];
  CHECK(torch::allclose(set.at("residual").dense(), q, 0, 1e-12));
  CHECK(recorder.arrays.at("alignment/residual/smallest_singular_share")[1] == Approx(0.125));
  CHECK(recorder.arrays.at("alignment/residual/cosine_after")[1] == Approx(9.5 / 4));
  CHECK(recorder.arrays.at("alignment/residual/angles").size() == 8);
}

TEST_CASE("procrustes: recovers a planted rotation with heads, gauges, gains and units on top", "[plugin][alignment.procrustes][invariant]") {
  for (const bool tied : {false, true}) {
    CAPTURE(tied);
    const auto method = make_plugin<Alignment>("procrustes");
    REQUIRE(method->unties());
    const Model anchor = untied(random_model(planted_spec(tied), 3)), source = anywhere_on_its_orbit(anchor, 4);
    REQUIRE(largest_difference(anchor, source) > 0.1);
    CHECK(largest_difference(anchor, align(*method, anchor, source).model) < 2e-5);
  }
}

TEST_CASE("procrustes: noise of a fifth of every weight hardly turns the planted rotation", "[plugin][alignment.procrustes][invariant]") {
  const Model anchor = random_model(planted_spec(), 12), noise = random_model(planted_spec(), 13);
  TensorMap tensors = load_all(*anchor.tensors);
  for (auto& [name, tensor] : tensors)
    if (tensor.dim() == 2) tensor = tensor + 0.2 * noise.tensors->get(name);
  const Model noisy{anchor.spec, std::make_shared<MemorySource>(tensors, "noisy"), "noisy"};
  const TransformSet planted = random_rotation_of(noisy, 14);
  const Aligned found = align(*make_plugin<Alignment>("procrustes", residual_only()), anchor, apply_transforms(noisy, planted));
  const torch::Tensor undone = found.set.at("residual").dense().mm(planted.at("residual").dense());
  const torch::Tensor distance = (undone - torch::eye(undone.size(0), undone.options())).norm() / std::sqrt(static_cast<double>(undone.size(0)));
  CHECK(distance.item<double>() < 0.25);
}

TEST_CASE("procrustes: the gauge in which a source comes does not matter", "[plugin][alignment.procrustes][invariant]") {
  const auto method = make_plugin<Alignment>("procrustes");
  const Model anchor = random_model(planted_spec(), 5), source = random_model(planted_spec(), 6);
  const Aligned plain = align(*method, anchor, source), orbit = align(*method, anchor, anywhere_on_its_orbit(source, 7));
  CHECK(largest_difference(plain.model, orbit.model) < 1e-3);
  CHECK(average_loss(anchor, orbit.model) == Approx(average_loss(anchor, plain.model)).epsilon(1e-4));
  CHECK_NOTHROW(check_invariance(source, plain.model, random_tokens(4, 16, 61, 3), kRotationTolerance, plain.set));
}

TEST_CASE("procrustes: aligning twice, or a model with itself, moves nothing", "[plugin][alignment.procrustes][invariant]") {
  const auto method = make_plugin<Alignment>("procrustes");
  const Model anchor = random_model(planted_spec(), 8);
  const Aligned own = align(*method, anchor, anchor);
  CHECK(own.set.at("residual").is_identity());
  CHECK(largest_difference(anchor, own.model) < 1e-6);
  const Aligned once = align(*method, anchor, random_model(planted_spec(), 9)), twice = align(*method, anchor, once.model);
  CHECK(largest_difference(once.model, twice.model) < 1e-4);
}

TEST_CASE("procrustes: streams of anchor and source come closer, and the floor leads to the signed permutation", "[plugin][alignment.procrustes][invariant]") {
  const Model anchor = random_model(planted_spec(), 10), source = random_model(planted_spec(), 11);
  const Aligned found = align(*make_plugin<Alignment>("procrustes", residual_only()), anchor, source);
  const auto& arrays = found.records.arrays;
  CHECK(arrays.at("alignment/residual/cosine_after")[1] > arrays.at("alignment/residual/cosine_before")[1] + 0.1);
  const Aligned floored = align(*make_plugin<Alignment>("procrustes", ValueMap{{"scope", scope_value({"residual"})}, {"floor", 1.0}}), anchor, source);
  const torch::Tensor dense = floored.set.at("residual").dense();
  CHECK(dense.abs().amax(1).mean().item<double>() > found.set.at("residual").dense().abs().amax(1).mean().item<double>());
}

TEST_CASE("procrustes: unknown scopes and a negative floor are refused", "[plugin][alignment.procrustes][wrong-input]") {
  CHECK_THAT(refusal_of("alignment", "procrustes", ValueMap{{"scope", "rotation"}}), Catch::Contains("expected one of: ffn, attention_heads, gauge, gains, residual"));
  CHECK_THAT(refusal_of("alignment", "procrustes", ValueMap{{"floor", -0.1}}), Catch::Contains("alignment.procrustes: floor"));
}

TEST_CASE("procrustes: keeps the plugin contract", "[plugin][alignment.procrustes][contract]") { check_contract("alignment", "procrustes"); }
