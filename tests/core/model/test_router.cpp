// The balance loss and selection with defined ties.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/router.hpp"

using namespace symphony;

namespace {
torch::Tensor choices(std::vector<std::int64_t> flat, std::int64_t k) { return torch::tensor(flat, torch::kInt64).view({-1, k}); }
}  // namespace

TEST_CASE("balance loss: reads 1 at perfect balance for every k", "[core][model]") {
  const torch::Tensor uniform_TE = torch::full({4, 4}, 0.25);
  CHECK(balance_loss(choices({0, 1, 2, 3}, 1), uniform_TE).item<double>() == Approx(1.0));
  CHECK(balance_loss(choices({0, 1, 2, 3, 0, 1, 2, 3}, 2), uniform_TE).item<double>() == Approx(1.0));
}

TEST_CASE("balance loss: collapse on two of eight experts reads 4", "[core][model]") {
  torch::Tensor probabilities_TE = torch::zeros({3, 8});
  probabilities_TE.slice(1, 0, 2).fill_(0.5);
  CHECK(balance_loss(choices({0, 1, 1, 0, 0, 1}, 2), probabilities_TE).item<double>() == Approx(4.0));
}

TEST_CASE("balance loss: unused slots are not counted", "[core][model]") {
  const torch::Tensor probabilities_TE = torch::tensor({{0.5, 0.3, 0.2}, {0.1, 0.6, 0.3}});
  // Used slots 0, 1, 0: load 2/3, 1/3, 0; mean probabilities 0.3, 0.45, 0.25.
  const double expected = 3.0 * (2.0 / 3 * 0.3 + 1.0 / 3 * 0.45);
  CHECK(balance_loss(choices({0, 1, 0, -1}, 2), probabilities_TE).item<double>() == Approx(expected));
  CHECK(balance_loss(choices({-1, -1}, 1), probabilities_TE).item<double>() == 0.0);
}

TEST_CASE("balance loss: its gradient is the load, counts detached", "[core][model]") {
  const torch::Tensor probabilities_TE = torch::tensor({{0.5, 0.3, 0.2}, {0.1, 0.6, 0.3}}, torch::kFloat64).set_requires_grad(true);
  balance_loss(choices({0, 1}, 1), probabilities_TE).backward();
  // 3 experts, load 1/2 each of experts 0 and 1, mean over 2 tokens.
  CHECK(torch::allclose(probabilities_TE.grad(), torch::tensor({{0.75, 0.75, 0.0}, {0.75, 0.75, 0.0}}, torch::kFloat64)));
}

TEST_CASE("balance loss: names shapes and experts that do not fit", "[core][model]") {
  CHECK_THROWS_WITH(balance_loss(choices({0, 3}, 1), torch::full({2, 3}, 1.0 / 3)), Catch::Contains("a choice names expert 3, expected 0 to 2"));
  CHECK_THROWS_WITH(balance_loss(choices({0, 1, 2}, 1), torch::full({2, 3}, 1.0 / 3)), Catch::Contains("choices are [3, 1], probabilities [2, 3]"));
  CHECK_THROWS_AS(balance_loss(choices({0, 3}, 1), torch::full({2, 3}, 1.0 / 3)), DataError);
}

TEST_CASE("top experts: best first, and the lowest index among equals", "[core][model]") {
  CHECK(torch::equal(top_experts(torch::tensor({{1.0, 3.0, 3.0, 2.0}, {0.0, 0.0, 0.0, 0.0}}), 3), choices({1, 2, 3, 0, 1, 2}, 3)));
  const torch::Tensor many = torch::zeros({2, 500});
  CHECK(torch::equal(top_experts(many, 4)[1], torch::arange(4, torch::kInt64)));
}
