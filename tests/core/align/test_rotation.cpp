// The best rotation: polar factors, and what is best about them.
#include <cmath>

#include <catch2/catch.hpp>

#include "core/align/rotation.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {

torch::Tensor gauss(std::int64_t size, std::uint64_t seed) {
  Random random(seed, "rotation");
  torch::Tensor values = torch::empty({size, size}, torch::kFloat32);
  random.fill_normal({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, 0, 1);
  return values.to(torch::kFloat64);
}

}  // namespace

TEST_CASE("rotation: of a turned stretch it is the turn", "[core][align]") {
  const double c = std::cos(0.3), s = std::sin(0.3);
  const torch::Tensor turn = torch::tensor({c, -s, s, c}, torch::kFloat64).reshape({2, 2});
  const Rotation found = best_rotation(turn.mm(torch::diag(torch::tensor({3.0, 0.5}, torch::kFloat64))));
  CHECK(torch::allclose(found.transform.dense(), turn, 0, 1e-12));
  CHECK(torch::allclose(found.singular_values, torch::tensor({3.0, 0.5}, torch::kFloat64)));
  CHECK(torch::allclose(eigen_angles(found.transform), torch::full({2}, 0.3, torch::kFloat64)));
}

TEST_CASE("rotation: no other one agrees better, and agreement is the sum of the singular values", "[core][align]") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    const torch::Tensor moment = gauss(6, seed);
    const Rotation found = best_rotation(moment);
    const double best = (found.transform.dense() * moment).sum().item<double>();
    CHECK(best == Approx(found.singular_values.sum().item<double>()));
    const torch::Tensor other = std::get<0>(torch::linalg_qr(found.transform.dense() + 0.1 * gauss(6, seed + 100)));
    for (const torch::Tensor& rival : {other, -other, std::get<0>(torch::linalg_qr(gauss(6, seed + 200)))}) CHECK((rival * moment).sum().item<double>() < best);
  }
}

TEST_CASE("rotation: a symmetric positive moment moves nothing", "[core][align]") {
  const torch::Tensor root = gauss(5, 1);
  const Rotation found = best_rotation(root.mm(root.t()));
  CHECK(found.transform.is_identity());
  CHECK(found.transform.is_monomial());
}
