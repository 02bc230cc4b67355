// fusion.slerp.
#include "tests/plugins/fusion/fusion_properties.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

std::unique_ptr<Fusion> slerp(double t) { return make_plugin<Fusion>("slerp", ValueMap{{"t", t}}); }

Value weights(std::vector<double> values) {
  ValueList list;
  for (const double value : values) list.emplace_back(value);
  return ValueMap{{"weights", list}};
}

}  // namespace

TEST_CASE("slerp: two vectors at right angles", "[plugin][fusion.slerp][known-value]") {
  const std::vector<torch::Tensor> sources{torch::tensor({2.0f, 0.0f}), torch::tensor({0.0f, 4.0f})};
  const double third = std::acos(-1.0) / 6;  // t = 1/3 of a right angle
  CHECK(torch::allclose(fuse(*slerp(1.0 / 3), sources), torch::tensor({2.0 * std::sin(2 * third), 4.0 * std::sin(third)}, torch::kFloat32)));
}

TEST_CASE("slerp: agrees with the arc cosine form in float64", "[plugin][fusion.slerp][known-value]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const std::vector<torch::Tensor> sources = random_sources(2, seed);
    const torch::Tensor a = sources[0].to(torch::kFloat64), b = sources[1].to(torch::kFloat64);
    const double angle = std::acos(((a * b).sum() / a.norm() / b.norm()).item<double>());
    const torch::Tensor expected = (std::sin(0.7 * angle) * a + std::sin(0.3 * angle) * b) / std::sin(angle);
    CHECK(relative_difference(fuse(*slerp(0.3), sources), expected.to(torch::kFloat32)) < 1e-7);
  }
}

TEST_CASE("slerp: more sources join one after the other", "[plugin][fusion.slerp][known-value]") {
  const std::vector<torch::Tensor> sources = random_sources(3, 4);
  // Weights 1, 1, 2: the second joins at 1/2, the third at 2/4.
  const torch::Tensor pair = fuse(*slerp(0.5), {sources[0], sources[1]});
  CHECK(relative_difference(fuse(*make_plugin<Fusion>("slerp", weights({1, 1, 2})), sources), fuse(*slerp(0.5), {pair, sources[2]})) < 1e-6);
  const torch::Tensor equal = fuse(*slerp(1.0 / 3), {pair, sources[2]});
  CHECK(relative_difference(fuse(*make_plugin<Fusion>("slerp"), sources), equal) < 1e-6);
}

TEST_CASE("slerp: nearly colinear tensors are interpolated linearly", "[plugin][fusion.slerp][known-value]") {
  const torch::Tensor a = torch::tensor({1.0f, 0.0f}), b = torch::tensor({3.0f, 0.05f});
  CHECK(torch::allclose(fuse(*slerp(0.25), {a, b}), 0.75 * a + 0.25 * b, 1e-7, 0));
  const torch::Tensor curved = fuse(*make_plugin<Fusion>("slerp", ValueMap{{"t", 0.25}, {"colinear_cos", 1.0}}), {a, b});
  CHECK(torch::allclose(curved, 0.75 * a + 0.25 * b, 1e-4, 0));
  CHECK_FALSE(torch::equal(curved, fuse(*slerp(0.25), {a, b})));
}

TEST_CASE("slerp: a zero side is interpolated linearly", "[plugin][fusion.slerp][known-value]") {
  CHECK(torch::equal(fuse(*slerp(0.5), {torch::zeros({2}), torch::tensor({4.0f, 6.0f})}), torch::tensor({2.0f, 3.0f})));
}

TEST_CASE("slerp: end points are the sources bit for bit", "[plugin][fusion.slerp][invariant]") {
  const std::vector<torch::Tensor> sources = random_sources(2, 5);
  CHECK(torch::equal(fuse(*slerp(0.0), sources), sources[0]));
  CHECK(torch::equal(fuse(*slerp(1.0), sources), sources[1]));
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("slerp", weights({0, 0, 5})), random_sources(3, 6)), random_sources(3, 6)[2]));
}

TEST_CASE("slerp: exchanging the sources exchanges t and 1 - t", "[plugin][fusion.slerp][invariant]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const std::vector<torch::Tensor> sources = random_sources(2, seed);
    CHECK(relative_difference(fuse(*slerp(0.3), sources), fuse(*slerp(0.7), {sources[1], sources[0]})) < 1e-7);
  }
}

TEST_CASE("slerp: between unit vectors the path stays on the sphere and turns evenly", "[plugin][fusion.slerp][invariant]") {
  std::vector<torch::Tensor> sources = random_sources(2, 7);
  for (torch::Tensor& source : sources) source = source / source.norm();
  const double whole = std::acos((sources[0] * sources[1]).sum().item<double>());
  for (const double t : {0.2, 0.5, 0.9}) {
    CAPTURE(t);
    const torch::Tensor point = fuse(*slerp(t), sources);
    CHECK(point.norm().item<double>() == Approx(1.0).epsilon(1e-6));
    CHECK(std::acos((sources[0] * point).sum().item<double>()) == Approx(t * whole).epsilon(1e-5));
  }
}

TEST_CASE("slerp: copies, stored types, odd tensors, rotations and unique rows", "[plugin][fusion.slerp][invariant]") {
  const auto equal = make_plugin<Fusion>("slerp");
  check_copies_give_the_source(*equal);
  check_stored_types(*equal);
  check_odd_tensors(*equal);
  check_rotation_equivariant(*equal, 2);
  check_rotation_equivariant(*equal, 4);
  check_unique_rows_are_kept(*equal);
}

TEST_CASE("slerp: refuses opposite tensors and parameters that do not fit", "[plugin][fusion.slerp][wrong-input]") {
  const torch::Tensor a = torch::tensor({1.0f, 2.0f});
  CHECK_THROWS_WITH(fuse(*slerp(0.5), {a, -a}), Catch::Contains("source 's1' is opposite to what comes before it (cosine -1.000000)"));
  CHECK_THROWS_AS(fuse(*slerp(0.5), {a, -a}), DataError);
  CHECK_THROWS_WITH(fuse(*slerp(0.5), random_sources(3, 1)), Catch::Contains("fusion.slerp: t is given for 3 sources (s0, s1, s2), expected 2; give weights instead"));
  CHECK_THROWS_WITH(fuse(*make_plugin<Fusion>("slerp"), {a}), Catch::Contains("there is 1 source, expected at least 2"));
  CHECK_THROWS_WITH(make_plugin<Fusion>("slerp", ValueMap{{"t", 0.5}, {"weights", ValueList{1, 1}}}), Catch::Contains("both t and weights are given"));
  check_bad_sources_are_refused(*slerp(0.5));
}

TEST_CASE("slerp: keeps the plugin contract", "[plugin][fusion.slerp][contract]") { check_contract("fusion", "slerp"); }
