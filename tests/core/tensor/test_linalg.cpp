// Ridge regression: known solutions, the normal equations, refusals.
#include <catch2/catch.hpp>

#include <vector>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/tensor/linalg.hpp"

using namespace symphony;

namespace {

torch::Tensor random_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed, const char* purpose) {
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
  Random(seed, purpose).fill_normal(values, 0.0, 1.0);
  return torch::tensor(values).reshape({rows, columns}).to(torch::kFloat64);
}

}  // namespace

TEST_CASE("linalg: the ridge solution of a diagonal system is known", "[core][tensor]") {
  const torch::Tensor gram = torch::diag(torch::tensor({1.0, 3.0}, torch::kFloat64));
  const torch::Tensor moments = torch::tensor({2.0, 8.0}, torch::kFloat64).reshape({2, 1});
  // The mean diagonal is 2, so a relative ridge of 0.5 adds 1.
  const torch::Tensor solution = solve_ridge(gram, moments, 0.5, "test");
  CHECK(solution[0][0].item<double>() == Approx(1.0));
  CHECK(solution[1][0].item<double>() == Approx(2.0));
}

TEST_CASE("linalg: the ridge solution has a vanishing gradient", "[core][tensor]") {
  const std::uint64_t seed = GENERATE(1, 2, 3, 4);
  CAPTURE(seed);
  // Fewer rows than features: only the ridge makes the system solvable.
  const torch::Tensor features = random_matrix(9, 12, seed, "features"), targets = random_matrix(9, 5, seed, "targets");
  const torch::Tensor gram = features.t().mm(features);
  const double ridge = 1e-3;
  const torch::Tensor weights = solve_ridge(gram, features.t().mm(targets), ridge, "test");
  const double lambda = ridge * gram.diagonal().mean().item<double>();
  const torch::Tensor gradient = features.t().mm(features.mm(weights) - targets) + lambda * weights;
  CHECK(gradient.abs().max().item<double>() < 1e-10);
}

TEST_CASE("linalg: the solution does not change when features are scaled together with their penalty", "[core][tensor]") {
  const torch::Tensor features = random_matrix(20, 6, 5, "features"), targets = random_matrix(20, 2, 5, "targets");
  const torch::Tensor gram = features.t().mm(features), moments = features.t().mm(targets);
  const torch::Tensor solution = solve_ridge(gram, moments, 0.1, "test");
  const torch::Tensor scaled = solve_ridge(gram * 1e8, moments * 1e4, 0.1, "test");
  CHECK(torch::allclose(solution, scaled * 1e4, 1e-10, 1e-12));
}

TEST_CASE("linalg: inputs that cannot be solved are refused", "[core][tensor]") {
  const torch::Tensor eye = torch::eye(3, torch::kFloat64);
  CHECK_THROWS_WITH(solve_ridge(eye, torch::ones({2, 1}), 0.1, "here"),
                    "here: the Gram matrix has shape [3, 3] and the moments [2, 1], expected [D, D] and [D, M]");
  CHECK_THROWS_WITH(solve_ridge(eye, torch::ones({3, 1}), 0.0, "here"), "here: the ridge is 0, expected a positive number");
  CHECK_THROWS_WITH(solve_ridge(eye / 0.0, torch::ones({3, 1}), 0.1, "here"), "here: the Gram matrix or the moments hold values that are not finite");
  CHECK_THROWS_AS(solve_ridge(torch::diag(torch::tensor({1.0, -2.0, 1.0})), torch::ones({3, 1}), 0.1, "here"), NumericError);
  CHECK_THROWS_WITH(solve_ridge(torch::zeros({3, 3}), torch::ones({3, 1}), 0.1, "here"),
                    "here: the Gram matrix is not positive definite with ridge 0.1 (minor 1 fails); raise the ridge");
}
