// fusion.karcher.
#include "tests/plugins/fusion/fusion_properties.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// The plain iteration on whole tensors in float64, without the Gram matrix: the reference.
torch::Tensor direct_karcher(const std::vector<torch::Tensor>& sources, const std::vector<double>& weights) {
  std::vector<torch::Tensor> units;
  double total = 0.0, mean_norm = 0.0;
  for (const double weight : weights) total += weight;
  torch::Tensor mean;
  for (std::size_t source_idx = 0; source_idx < sources.size(); ++source_idx) {
    const torch::Tensor wide = sources[source_idx].to(torch::kFloat64);
    units.push_back(wide / wide.norm());
    mean_norm += weights[source_idx] / total * wide.norm().item<double>();
    const torch::Tensor term = units.back() * weights[source_idx];
    mean = mean.defined() ? mean + term : term;
  }
  mean = mean / mean.norm();
  for (int iteration = 0; iteration < 100; ++iteration) {
    torch::Tensor tangent = torch::zeros_like(mean);
    for (std::size_t source_idx = 0; source_idx < sources.size(); ++source_idx) {
      const double cosine = (units[source_idx] * mean).sum().item<double>(), angle = std::acos(cosine);
      if (angle > 1e-9) tangent += weights[source_idx] / total * angle / std::sin(angle) * (units[source_idx] - cosine * mean);
    }
    const double step = tangent.norm().item<double>();
    if (step < 1e-14) break;
    mean = std::cos(step) * mean + std::sin(step) / step * tangent;
  }
  return (mean * mean_norm).to(torch::kFloat32);
}

}  // namespace

TEST_CASE("karcher: two unit vectors meet on the geodesic at their weights", "[plugin][fusion.karcher][known-value]") {
  std::vector<torch::Tensor> sources = random_sources(2, 1);
  for (torch::Tensor& source : sources) source = source / source.norm();
  const torch::Tensor fused = fuse(*make_plugin<Fusion>("karcher", ValueMap{{"weights", ValueList{3, 1}}}), sources);
  CHECK(relative_difference(fused, fuse(*make_plugin<Fusion>("slerp", ValueMap{{"t", 0.25}}), sources)) < 1e-6);
}

TEST_CASE("karcher: the three axes meet on their diagonal, with the mean norm", "[plugin][fusion.karcher][known-value]") {
  const torch::Tensor axes = torch::eye(3);
  const torch::Tensor fused = fuse(*make_plugin<Fusion>("karcher"), {axes[0] * 1.0f, axes[1] * 2.0f, axes[2] * 6.0f});
  CHECK(torch::allclose(fused, torch::full({3}, 3.0f / std::sqrt(3.0f))));
}

TEST_CASE("karcher: coefficients reach what the iteration on whole tensors reaches", "[plugin][fusion.karcher][known-value]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const std::vector<torch::Tensor> sources = random_sources(4, seed);
    const auto karcher = make_plugin<Fusion>("karcher", ValueMap{{"weights", ValueList{1, 2, 3, 4}}});
    CHECK(relative_difference(fuse(*karcher, sources), direct_karcher(sources, {1, 2, 3, 4})) < 1e-7);
  }
}

TEST_CASE("karcher: copies, stored types, odd tensors, order, rotations and unique rows", "[plugin][fusion.karcher][invariant]") {
  const auto karcher = make_plugin<Fusion>("karcher");
  check_copies_give_the_source(*karcher);
  check_stored_types(*karcher);
  check_odd_tensors(*karcher);
  check_order_does_not_matter(*karcher);
  check_rotation_equivariant(*karcher, 4);
  check_unique_rows_are_kept(*karcher);
}

TEST_CASE("karcher: the result has the weighted mean norm", "[plugin][fusion.karcher][invariant]") {
  const std::vector<torch::Tensor> sources = random_sources(3, 8);
  const double expected = (0.25 * sources[0].norm() + 0.25 * sources[1].norm() + 0.5 * sources[2].norm()).item<double>();
  CHECK(fuse(*make_plugin<Fusion>("karcher", ValueMap{{"weights", ValueList{1, 1, 2}}}), sources).norm().item<double>() == Approx(expected).epsilon(1e-6));
}

TEST_CASE("karcher: a zero source enters by its norm only", "[plugin][fusion.karcher][invariant]") {
  const torch::Tensor a = random_tensor({4}, 1, "a");
  CHECK(torch::allclose(fuse(*make_plugin<Fusion>("karcher"), {a, torch::zeros({4})}), 0.5 * a));
}

TEST_CASE("karcher: says so when directions cancel or iterations run out", "[plugin][fusion.karcher][wrong-input]") {
  const torch::Tensor a = torch::tensor({1.0f, 2.0f});
  CHECK_THROWS_WITH(fuse(*make_plugin<Fusion>("karcher"), {a, -a}), Catch::Contains("fusion.karcher: tensor 'model.layers.0.self_attn.q_proj.weight': the sources' directions cancel"));
  CHECK_THROWS_AS(fuse(*make_plugin<Fusion>("karcher"), {a, -a}), NumericError);
  const auto hasty = make_plugin<Fusion>("karcher", ValueMap{{"max_iter", 1}, {"tol", 1e-14}, {"weights", ValueList{1, 2, 3}}});
  CHECK_THROWS_WITH(fuse(*hasty, random_sources(3, 1)), Catch::Contains("no convergence after 1 iterations, last step"));
  CHECK_THROWS_AS(fuse(*hasty, random_sources(3, 1)), NumericError);
  CHECK_THROWS_WITH(fuse(*hasty, random_sources(2, 1)), Catch::Contains("fusion.karcher: weights has 3 entries, there are 2 sources"));
  check_bad_sources_are_refused(*make_plugin<Fusion>("karcher"));
}

TEST_CASE("karcher: keeps the plugin contract", "[plugin][fusion.karcher][contract]") { check_contract("fusion", "karcher"); }
