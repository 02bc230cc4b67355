// Activation matching: planted elements, orbits, hand-made correlations.
#include "tests/plugins/alignment/planted.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// The same given correlations at every site and layer.
class GivenCorrelations final : public AlignmentStatistics {
 public:
  explicit GivenCorrelations(const torch::Tensor& values) {
    const torch::Tensor ones = torch::ones({values.size(0)}, torch::kFloat64), zeros = torch::zeros_like(ones);
    moments_ = {100, zeros, zeros, ones, ones, values.to(torch::kFloat64)};
  }
  const PairMoments& moments(std::size_t, Site, std::int64_t) const override { return moments_; }
  std::int64_t num_tokens() const override { return 100; }

 private:
  PairMoments moments_;
};

Transform matched(const Value& params, const torch::Tensor& correlations) {
  const Model model = random_model(tiny_spec({.layers = 1, .ffn = correlations.size(0)}), 1);
  const std::vector<Model> sources{model, model};
  const auto groups = symmetry_groups(model.spec);
  ArrayRecorder recorder;
  Context context;
  context.recorder = &recorder;
  return make_plugin<Alignment>("activation_matching", params)->align({sources, 0, groups, GivenCorrelations(correlations)}, context)[1].at("layer.0.ffn");
}

const torch::Tensor& example() {
  static const torch::Tensor values = torch::tensor({0.1, -0.9, 0.2, 0.0,   //
                                                     0.3, 0.0, 0.1, 0.2,    //
                                                     0.0, 0.1, 0.1, 0.8,    //
                                                     0.0, 0.2, -0.4, 0.1}).reshape({4, 4});
  return values;
}

}  // namespace

TEST_CASE("activation_matching: hand-made correlations give the permutation and signs by hand", "[plugin][alignment.activation_matching][known-value]") {
  const Transform with_signs = matched(ValueMap{}, example());
  CHECK(with_signs.perm() == std::vector<std::int64_t>{1, 0, 3, 2});
  CHECK(with_signs.sign() == std::vector<std::int8_t>{-1, 1, 1, -1});
  const Transform unsigned_ = matched(ValueMap{{"signed", false}}, example());
  CHECK(unsigned_.perm() == std::vector<std::int64_t>{2, 0, 3, 1});
  CHECK(unsigned_.count_negative() == 0);
}

TEST_CASE("activation_matching: a fraction keeps the best pairs and fills the rest in increasing order", "[plugin][alignment.activation_matching][known-value]") {
  const Transform half = matched(ValueMap{{"fraction", 0.5}}, example());
  CHECK(half.perm() == std::vector<std::int64_t>{1, 0, 3, 2});  // 0.9 and 0.8 kept; slots 1 and 3 get units 0 and 2
  CHECK(half.sign() == std::vector<std::int8_t>{-1, 1, 1, -1});
  const Transform quarter = matched(ValueMap{{"fraction", 0.25}}, example());
  CHECK(quarter.perm() == std::vector<std::int64_t>{1, 0, 2, 3});
  CHECK(quarter.sign() == std::vector<std::int8_t>{-1, 1, 1, 1});
  CHECK(matched(ValueMap{{"fraction", 0}}, example()).is_identity());
}

TEST_CASE("activation_matching: recovers a planted element of every scope exactly", "[plugin][alignment.activation_matching][invariant]") {
  check_recovers_planted("activation_matching");
  check_recovers_planted("activation_matching", true);
}

TEST_CASE("activation_matching: recovers planted gauges and gains to rounding", "[plugin][alignment.activation_matching][invariant]") {
  check_recovers_planted_gauges("activation_matching");
  check_recovers_planted_gauges("activation_matching", normed_planted_spec());
}

TEST_CASE("activation_matching: the gauge in which a source comes does not matter", "[plugin][alignment.activation_matching][invariant]") {
  check_orbit_invariant("activation_matching");
  check_orbit_invariant("activation_matching", continuous_choices());
}

TEST_CASE("activation_matching: without signs, planted signs are not found", "[plugin][alignment.activation_matching][invariant]") {
  const Model anchor = random_model(planted_spec(), 5);
  const Model scrambled = apply_transforms(anchor, random_transforms(symmetry_groups(anchor.spec), {"ffn"}, true, 5));
  const auto method = make_plugin<Alignment>("activation_matching", ValueMap{{"signed", false}});
  CHECK(largest_difference(anchor, align(*method, anchor, scrambled).model) > 0.5);
}

TEST_CASE("activation_matching: a model matched with itself does not move, and that is recorded", "[plugin][alignment.activation_matching][invariant]") {
  const Model model = random_model(planted_spec(), 6);
  const auto method = make_plugin<Alignment>("activation_matching", ValueMap{{"scope", scope_value(scope_choices().back())}});
  const Aligned found = align(*method, model, model);
  for (const auto& [id, transform] : found.set) CHECK(transform.is_identity());
  const auto& arrays = found.records.arrays;
  CHECK(arrays.at("alignment/ffn/permuted_fraction") == std::vector<float>(4, 0.0f));
  CHECK(arrays.at("alignment/ffn/similarity_after")[2] == Approx(1).margin(1e-5));
  CHECK(arrays.at("alignment/residual/similarity_after").size() == 2);
  CHECK(arrays.at("alignment/attention_heads/similarity_before")[3] == Approx(2).margin(1e-9));
}

TEST_CASE("activation_matching: unknown scopes and shares above one are refused", "[plugin][alignment.activation_matching][wrong-input]") {
  CHECK_THAT(refusal_of("alignment", "activation_matching", ValueMap{{"scope", "heads"}}), Catch::Contains("expected one of: ffn, attention_heads, gauge, gains, residual"));
  CHECK_THAT(refusal_of("alignment", "activation_matching", ValueMap{{"fraction", 1.2}}), Catch::Contains("alignment.activation_matching: fraction"));
  const std::vector<Model> sources{random_model(planted_spec(), 1), random_model(planted_spec(), 2)};
  const StreamedStatistics statistics(sources, 0, {{Site::residual}}, random_tokens(2, 8, 61, 1));
  CHECK_THROWS_WITH(statistics.moments(1, Site::ffn_hidden, 0), "alignment statistics: site 'ffn_hidden' was not listed in needs()");
  CHECK_THROWS_WITH(statistics.moments(1, Site::residual, 2), "alignment statistics: no moments of source 1 at site 'residual' of layer 2");
}

TEST_CASE("activation_matching: keeps the plugin contract", "[plugin][alignment.activation_matching][contract]") {
  check_contract("alignment", "activation_matching");
}
