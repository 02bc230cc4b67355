// Activation matching: planted elements, orbits, hand-made correlations.
#include "tests/plugins/alignment/planted.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// The same given moments at every site and layer.
class GivenMoments final : public AlignmentStatistics {
 public:
  explicit GivenMoments(PairMoments moments) : moments_(std::move(moments)) {}
  const PairMoments& moments(std::size_t, Site, std::int64_t) const override { return moments_; }
  std::int64_t num_tokens() const override { return 100; }

 private:
  PairMoments moments_;
};

/// The element that a one-layer model's group gets from `moments`, whose size its FFN and its residual stream have.
Transform matched(const Value& params, const PairMoments& moments, const std::string& group) {
  const std::int64_t size = moments.covariance.size(0);
  const Model model = random_model(tiny_spec({.layers = 1, .hidden = size, .ffn = size}), 1);
  const std::vector<Model> sources{model, model};
  const auto groups = symmetry_groups(model.spec);
  ArrayRecorder recorder;
  Context context;
  context.recorder = &recorder;
  return make_plugin<Alignment>("activation_matching", params)->align({sources, 0, groups, GivenMoments(moments)}, context)[1].at(group);
}

Transform matched(const Value& params, const torch::Tensor& correlations) {
  const torch::Tensor ones = torch::ones({correlations.size(0)}, torch::kFloat64), zeros = torch::zeros_like(ones);
  return matched(params, {100, zeros, zeros, ones, ones, correlations.to(torch::kFloat64)}, "layer.0.ffn");
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

TEST_CASE("activation_matching: the residual stream is matched by what residual_by names", "[plugin][alignment.activation_matching][known-value]") {
  // Deviations 4, 4, 2 and 1, 4, 1, means 0, 3, 3 and 0, 0, 3. Rows of what is matched, the chosen entries in brackets, best sum against the next:
  //   moments      [0] 3.2 3.6       3.2 [9.6] 9.4      0.6 4 [10.2]       19.8, 16.6
  //   covariance   0 3.2 [3.6]       3.2 [9.6] 0.4      [0.6] 4 1.2        13.8, 10.8
  //   cosine       0 [.20] .28       [.64] .48 .59      .17 .28 [.89]      1.73, 1.37
  //   correlation  0 .2 [.9]         [.8] .6 .1         .3 [.5] .6         2.2, 1.8
  const auto numbers = [](std::vector<double> values) { return torch::tensor(values, torch::kFloat64); };
  const PairMoments moments{100, numbers({0, 3, 3}), numbers({0, 0, 3}), numbers({16, 16, 4}), numbers({1, 16, 1}),
                            numbers({0, 3.2, 3.6, 3.2, 9.6, 0.4, 0.6, 4, 1.2}).reshape({3, 3})};
  const auto perm = [&](const char* residual_by) {
    return matched(ValueMap{{"scope", scope_value({"residual"})}, {"residual_by", residual_by}}, moments, "residual").perm();
  };
  using Units = std::vector<std::int64_t>;
  CHECK(perm("moments") == Units{0, 1, 2});
  CHECK(perm("covariance") == Units{2, 1, 0});
  CHECK(perm("cosine") == Units{1, 0, 2});
  CHECK(perm("correlation") == Units{2, 0, 1});
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
