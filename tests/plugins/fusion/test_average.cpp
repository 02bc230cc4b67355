// fusion.average.
#include "tests/plugins/fusion/fusion_properties.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {
Value weights(std::vector<double> values, bool restore_norm = false) {
  ValueList list;
  for (const double value : values) list.emplace_back(value);
  return ValueMap{{"weights", list}, {"restore_norm", restore_norm}};
}
}  // namespace

TEST_CASE("average: weighted mean of two vectors", "[plugin][fusion.average][known-value]") {
  const std::vector<torch::Tensor> sources{torch::tensor({1.0f, 2.0f}), torch::tensor({5.0f, -2.0f})};
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("average"), sources), torch::tensor({3.0f, 0.0f})));
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("average", weights({3, 1})), sources), torch::tensor({2.0f, 1.0f})));
}

TEST_CASE("average: restored norm of orthogonal vectors", "[plugin][fusion.average][known-value]") {
  // Norms 3 and 5, weights 1/2: the mean (1.5, 2.5) is scaled to norm 4.
  const torch::Tensor fused = fuse(*make_plugin<Fusion>("average", ValueMap{{"restore_norm", true}}), {torch::tensor({3.0f, 0.0f}), torch::tensor({0.0f, 5.0f})});
  CHECK(torch::allclose(fused, torch::tensor({1.5f, 2.5f}) * (4.0 / std::sqrt(8.5))));
}

TEST_CASE("average: with its norm restored it is slerp's midpoint for equal norms", "[plugin][fusion.average][known-value]") {
  std::vector<torch::Tensor> sources = random_sources(2, 1);
  sources[1] = sources[1] * (sources[0].norm() / sources[1].norm());
  const torch::Tensor average = fuse(*make_plugin<Fusion>("average", ValueMap{{"restore_norm", true}}), sources);
  CHECK(relative_difference(average, fuse(*make_plugin<Fusion>("slerp", ValueMap{{"t", 0.5}}), sources)) < 1e-6);
}

TEST_CASE("average: a row that some sources lack is the mean of those that hold it", "[plugin][fusion.average][known-value]") {
  const std::vector<torch::Tensor> sources{torch::tensor({{1.0f}, {2.0f}, {3.0f}}), torch::tensor({{10.0f}, {20.0f}, {30.0f}}), torch::tensor({{7.0f}, {7.0f}, {7.0f}})};
  const auto mask = [](std::vector<std::int64_t> rows) { return torch::tensor(rows, torch::kInt64).to(torch::kBool); };
  const torch::Tensor fused = fuse(*make_plugin<Fusion>("average", weights({1, 3, 4})), sources, {}, {mask({1, 1, 1}), mask({1, 1, 0}), mask({1, 0, 0})});
  CHECK(torch::allclose(fused, torch::tensor({{(1.0f + 30 + 28) / 8}, {62.0f / 4}, {3.0f}})));
}

TEST_CASE("average: copies, stored types, odd tensors, order, rotations and unique rows", "[plugin][fusion.average][invariant]") {
  for (const bool restore_norm : {false, true}) {
    CAPTURE(restore_norm);
    const auto average = make_plugin<Fusion>("average", ValueMap{{"restore_norm", restore_norm}});
    check_copies_give_the_source(*average);
    check_stored_types(*average);
    check_odd_tensors(*average);
    check_order_does_not_matter(*average);
    check_rotation_equivariant(*average, 4);
    check_unique_rows_are_kept(*average);
  }
}

TEST_CASE("average: is affine in the sources and blind to the scale of the weights", "[plugin][fusion.average][invariant]") {
  const std::vector<torch::Tensor> sources = random_sources(3, 2);
  std::vector<torch::Tensor> mapped;
  for (const torch::Tensor& source : sources) mapped.push_back(source * 3.0f + 2.0f);
  const auto average = make_plugin<Fusion>("average", weights({1, 2, 5}));
  CHECK(torch::allclose(fuse(*average, mapped), fuse(*average, sources) * 3.0f + 2.0f, 1e-5, 1e-6));
  CHECK(torch::allclose(fuse(*make_plugin<Fusion>("average", weights({7, 14, 35})), sources), fuse(*average, sources)));
}

TEST_CASE("average: one weight alone copies bit for bit and reads nothing else", "[plugin][fusion.average][invariant]") {
  std::vector<torch::Tensor> sources = random_sources(3, 3);
  sources[0].fill_(std::nanf(""));
  for (const bool restore_norm : {false, true})
    CHECK(torch::equal(fuse(*make_plugin<Fusion>("average", weights({0, 1, 0}, restore_norm)), sources), sources[1]));
}

TEST_CASE("average: refuses weights that do not fit and bad tensors", "[plugin][fusion.average][wrong-input]") {
  CHECK_THROWS_WITH(fuse(*make_plugin<Fusion>("average", weights({1, 1})), random_sources(3, 1)),
                    Catch::Contains("fusion.average: weights has 2 entries, there are 3 sources (s0, s1, s2)"));
  CHECK_THROWS_AS(fuse(*make_plugin<Fusion>("average", weights({1, 1})), random_sources(3, 1)), ConfigError);
  CHECK_THROWS_WITH(fuse(*make_plugin<Fusion>("average", weights({0, 0})), random_sources(2, 1)), Catch::Contains("the weights sum to 0"));
  check_bad_sources_are_refused(*make_plugin<Fusion>("average"));
}

TEST_CASE("average: keeps the plugin contract", "[plugin][fusion.average][contract]") { check_contract("fusion", "average"); }
