// Soft matching of FFN units: planted permutations, shares by hand, what it costs the source, and averages with the anchor.
#include <cmath>

#include "core/align/sinkhorn.hpp"
#include "tests/plugins/alignment/planted.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr const char* kTag = "optimal_transport";

Value settings(const char* by, double regularisation) { return ValueMap{{"by", by}, {"regularisation", regularisation}}; }

torch::Tensor shares_of(const Aligned& found, std::int64_t layer) {
  const Transform& transform = found.set.at(fmt::format("layer.{}.ffn", layer));
  REQUIRE(transform.is_mixing());
  return transform.entries()[0];
}

/// The given correlations and variances at every layer.
class GivenMoments final : public AlignmentStatistics {
 public:
  GivenMoments(const torch::Tensor& correlations, const torch::Tensor& var_a, const torch::Tensor& var_b) {
    const torch::Tensor zeros = torch::zeros_like(var_a), covariance = correlations.to(torch::kFloat64) * var_a.sqrt().outer(var_b.sqrt());
    moments_ = {100, zeros, zeros, var_a, var_b, covariance};
  }
  const PairMoments& moments(std::size_t, Site, std::int64_t) const override { return moments_; }
  std::int64_t num_tokens() const override { return 100; }

 private:
  PairMoments moments_;
};

torch::Tensor mixed(const Value& params, const torch::Tensor& correlations, const torch::Tensor& var_a, const torch::Tensor& var_b, ArrayRecorder& recorder) {
  const Model model = random_model(tiny_spec({.layers = 1, .ffn = correlations.size(0)}), 1);
  const std::vector<Model> sources{model, model};
  Context context;
  context.recorder = &recorder;
  const auto sets = make_plugin<Alignment>(kTag, params)->align({sources, 0, symmetry_groups(model.spec), GivenMoments(correlations, var_a, var_b)}, context);
  REQUIRE(sets[0].empty());
  return sets[1].at("layer.0.ffn").entries()[0];
}

torch::Tensor ones(std::int64_t size) { return torch::ones({size}, torch::kFloat64); }

Model average(const Model& a, const Model& b) {
  TensorMap tensors;
  for (const std::string& name : a.tensors->names()) tensors[name] = (a.tensors->get(name) + b.tensors->get(name)) / 2;
  return {a.spec, std::make_shared<MemorySource>(tensors, "average"), "average"};
}

}  // namespace

TEST_CASE("optimal_transport: correlations by hand give the shares by hand, signs included", "[plugin][alignment.optimal_transport][known-value]") {
  const torch::Tensor correlations = torch::tensor({0.0, -0.8, 0.8, 0.0}).reshape({2, 2});
  ArrayRecorder recorder;
  // Costs 2 (1 - |correlation|) are 2 and 0.4, the lower median 0.4: eps is 0.5 * 0.4, and p = 1 / (1 + exp(-1.6 / 0.2)).
  const torch::Tensor shares = mixed(ValueMap{{"regularisation", 0.5}, {"tolerance", 1e-8}}, correlations, ones(2), ones(2), recorder);
  const double p = 1 / (1 + std::exp(-8.0));
  CHECK(shares[0][0].item<double>() == Approx(1 - p).epsilon(1e-4));
  CHECK(shares[0][1].item<double>() == Approx(-p).epsilon(1e-6));
  CHECK(shares[1][0].item<double>() == Approx(p).epsilon(1e-6));
  CHECK(recorder.arrays.at("alignment/ffn/negative_fraction")[1] == Approx(p / 2));
  CHECK(recorder.arrays.at("alignment/ffn/similarity_before")[1] == Approx(0).margin(1e-7));
  CHECK(recorder.arrays.at("alignment/ffn/similarity_after")[1] == Approx(0.8 * p));
  // Without signs the costs are 2, 3.6, 0.4 and 2, the median 2: slot 1 takes unit 0, and slot 0 what is left.
  const torch::Tensor plain = mixed(ValueMap{{"regularisation", 0.05}, {"signed", false}, {"tolerance", 1e-8}}, correlations, ones(2), ones(2), recorder);
  CHECK(plain.min().item<double>() >= 0);
  // Both permutations cost 4 in all: neither is better, and entropy halves them.
  CHECK(torch::allclose(plain, torch::full({2, 2}, 0.5, torch::kFloat64), 0, 1e-6));
}

TEST_CASE("optimal_transport: dead units are paired among themselves and take no share of the others", "[plugin][alignment.optimal_transport][known-value]") {
  torch::Tensor var_a = ones(5), var_b = ones(5);
  var_a[1] = 0, var_b[3] = 0;
  ArrayRecorder recorder;
  const torch::Tensor shares = mixed(ValueMap{}, 0.9 * torch::eye(5), var_a, var_b, recorder);
  CHECK(shares[1][3].item<double>() == 1);
  CHECK(shares[1].abs().sum().item<double>() == 1);
  CHECK(shares.select(1, 3).abs().sum().item<double>() == 1);
  CHECK(shares[0][0].item<double>() > 0.99);
  CHECK(recorder.arrays.at("alignment/ffn/dead_fraction")[1] == Approx(0.2));
}

TEST_CASE("optimal_transport: a planted permutation with signs comes back, and its average with the anchor is the anchor",
          "[plugin][alignment.optimal_transport][invariant]") {
  for (const char* by : {"activations", "weights"}) {
    CAPTURE(by);
    const Model anchor = random_model(planted_spec(), 71);
    const TransformSet planted = random_transforms(symmetry_groups(anchor.spec), {"ffn"}, true, 71);
    const Model scrambled = apply_transforms(anchor, planted);
    REQUIRE(largest_difference(anchor, scrambled) > 0.1);
    const auto method = make_plugin<Alignment>(kTag, settings(by, 0.02));
    REQUIRE(method->approximate());
    const Aligned found = align(*method, anchor, scrambled);
    for (std::int64_t layer = 0; layer < anchor.spec.num_layers; ++layer)
      CHECK((shares_of(found, layer) - planted.at(fmt::format("layer.{}.ffn", layer)).inverse().dense()).abs().max().item<double>() < 1e-3);
    CHECK(largest_difference(anchor, found.model) < 1e-3);
    CHECK(largest_difference(anchor, average(anchor, found.model)) < 1e-3);
    CHECK_NOTHROW(check_invariance(scrambled, found.model, random_tokens(4, 16, 61, 3), 1e-3));
  }
}

TEST_CASE("optimal_transport: a model matched with itself stays what it is, the sharper the less regularised", "[plugin][alignment.optimal_transport][invariant]") {
  for (const char* by : {"activations", "weights"}) {
    const Model model = random_model(planted_spec(), 72);
    double before = 1e9;
    for (const double regularisation : {1.0, 0.2, 0.02}) {
      CAPTURE(by, regularisation);
      const Aligned found = align(*make_plugin<Alignment>(kTag, settings(by, regularisation)), model, model);
      const double units = found.records.arrays.at("alignment/ffn/units_per_slot")[2];
      CHECK(units < before);
      before = units;
      CHECK((largest_difference(model, found.model) < 1e-4) == (regularisation == 0.02));
    }
    CHECK(before == Approx(1).margin(1e-3));
  }
}

TEST_CASE("optimal_transport: the order and signs in which the source's units come do not matter", "[plugin][alignment.optimal_transport][invariant]") {
  for (const char* by : {"activations", "weights"}) {
    CAPTURE(by);
    const Model anchor = random_model(planted_spec(), 73), source = random_model(planted_spec(), 74);
    const Model scrambled = apply_transforms(source, random_transforms(symmetry_groups(anchor.spec), {"ffn"}, true, 73));
    const auto method = make_plugin<Alignment>(kTag, ValueMap{{"by", by}, {"tolerance", 1e-6}});
    CHECK(largest_difference(align(*method, anchor, source).model, align(*method, anchor, scrambled).model) < 1e-4);
  }
}

TEST_CASE("optimal_transport: shares are a plan, and towards no regularisation the assignment that activation_matching finds",
          "[plugin][alignment.optimal_transport][invariant]") {
  const Model anchor = random_model(planted_spec(), 75), source = random_model(planted_spec(), 76);
  const Aligned hard = align(*make_plugin<Alignment>("activation_matching"), anchor, source);
  double before = 0;
  for (const double regularisation : {0.3, 0.08, 0.003}) {
    CAPTURE(regularisation);
    const auto method = make_plugin<Alignment>(kTag, ValueMap{{"regularisation", regularisation}, {"max_iterations", 20000}});
    const Aligned soft = align(*method, anchor, source);
    const torch::Tensor shares = shares_of(soft, 0);
    CHECK((shares.abs().sum(1) - 1).abs().max().item<double>() < 1e-9);
    CHECK((shares.abs().sum(0) - 1).abs().max().item<double>() < 1.1e-3);
    const auto similarity = [](const Aligned& of) { return static_cast<double>(of.records.arrays.at("alignment/ffn/similarity_after")[2]); };
    CHECK(similarity(soft) > before);
    before = similarity(soft);
    CHECK(similarity(soft) <= similarity(hard) + 1e-3);
    if (regularisation == 0.003) CHECK(similarity(soft) == Approx(similarity(hard)).epsilon(0.03));
  }
}

TEST_CASE("optimal_transport: a soft match of unrelated models changes the source, and its average differs from that of the units as they are",
          "[plugin][alignment.optimal_transport][invariant]") {
  const Model anchor = random_model(planted_spec(), 77), source = random_model(planted_spec(), 78);
  const Aligned found = align(*make_plugin<Alignment>(kTag), anchor, source);
  const InvarianceReport report = check_invariance(source, found.model, random_tokens(4, 16, 61, 3), INFINITY);
  CHECK(report.logit_change > 1e-2);
  const double plain = average_loss(anchor, source), merged = average_loss(anchor, found.model);
  CHECK(std::isfinite(merged));
  CHECK(std::abs(merged - plain) > 1e-4);
}

TEST_CASE("optimal_transport: other scopes, other costs and a plan that is not reached are refused", "[plugin][alignment.optimal_transport][wrong-input]") {
  CHECK_THAT(refusal_of("alignment", kTag, ValueMap{{"scope", "residual"}}), Catch::Contains("expected one of: ffn"));
  CHECK_THAT(refusal_of("alignment", kTag, ValueMap{{"by", "gradients"}}), Catch::Contains("expected one of: activations, weights"));
  CHECK_THAT(refusal_of("alignment", kTag, ValueMap{{"regularisation", 0}}), Catch::Contains("alignment.optimal_transport: regularisation"));
  const auto method = make_plugin<Alignment>(kTag, ValueMap{{"max_iterations", 1}, {"tolerance", 1e-9}});
  CHECK_THROWS_WITH(align(*method, random_model(planted_spec(), 1), random_model(planted_spec(), 2)),
                    Catch::Contains("optimal transport: after 1 iterations of 48 slots") && Catch::Contains("allow more iterations or a larger regularisation"));
}

TEST_CASE("optimal_transport: keeps the plugin contract", "[plugin][alignment.optimal_transport][contract]") {
  check_contract("alignment", kTag);
}
