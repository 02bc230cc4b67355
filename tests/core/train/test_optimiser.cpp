// AdamW and the schedule against their formulas.
#include <catch2/catch.hpp>

#include <cmath>

#include "core/base/error.hpp"
#include "core/train/optimiser.hpp"
#include "core/train/schedule.hpp"

using namespace symphony;

TEST_CASE("optimiser: three steps equal AdamW worked out in scalars; decay spares vectors", "[core][train]") {
  const AdamWSettings settings{.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
  const auto matrix = torch::full({1, 1}, 0.5, torch::kFloat64), vector = torch::full({1}, 0.5, torch::kFloat64);
  AdamW optimiser({{"matrix", matrix}, {"vector", vector}}, settings);
  double expected_matrix = 0.5, expected_vector = 0.5, first = 0.0, second = 0.0;
  const double gradients[] = {0.3, -2.0, 0.7}, rates[] = {1e-2, 2e-2, 5e-3}, scale = 0.25;
  for (int step = 0; step < 3; ++step) {
    optimiser.step({torch::full({1, 1}, gradients[step], torch::kFloat64), torch::full({1}, gradients[step], torch::kFloat64)}, rates[step], scale);
    const double g = scale * gradients[step];
    first = 0.9 * first + 0.1 * g;
    second = 0.95 * second + 0.05 * g * g;
    const double move = rates[step] * (first / (1 - std::pow(0.9, step + 1))) / (std::sqrt(second / (1 - std::pow(0.95, step + 1))) + 1e-8);
    expected_matrix = expected_matrix * (1 - rates[step] * 0.1) - move;
    expected_vector -= move;
  }
  CHECK(matrix.item<double>() == Approx(expected_matrix).epsilon(1e-12));
  CHECK(vector.item<double>() == Approx(expected_vector).epsilon(1e-12));
}

TEST_CASE("optimiser: an undefined gradient moves a parameter as a zero gradient does", "[core][train]") {
  auto left = torch::full({3, 3}, 0.5), right = left.clone();
  AdamW with_zero({{"w", left}}, {}), without({{"w", right}}, {});
  with_zero.step({torch::ones({3, 3})}, 1e-2), without.step({torch::ones({3, 3})}, 1e-2);
  with_zero.step({torch::zeros({3, 3})}, 1e-2), without.step({torch::Tensor()}, 1e-2);
  CHECK(left.equal(right));
}

TEST_CASE("optimiser: the global norm spans all tensors and skips undefined ones", "[core][train]") {
  CHECK(global_norm({torch::full({2, 2}, 2.0), torch::Tensor(), torch::full({1}, 3.0)}) == Approx(5.0));
}

TEST_CASE("optimiser: a state that does not fit is refused by tensor name", "[core][train]") {
  AdamW optimiser({{"w", torch::ones({2, 2})}}, {});
  TensorMap state = optimiser.state();
  state["first_moment/w"] = torch::ones({3});
  CHECK_THROWS_WITH(optimiser.restore(state, 1), "optimiser state: tensor 'first_moment/w' has shape [3], expected [2, 2]");
  state.erase("first_moment/w");
  CHECK_THROWS_AS(optimiser.restore(state, 1), DataError);
}

TEST_CASE("schedule: rises linearly, peaks, and ends near its fraction", "[core][train]") {
  const Schedule schedule{2.0, 100, 0.1, 0.1};
  CHECK(learning_rate_at(schedule, 0) == Approx(0.2));
  CHECK(learning_rate_at(schedule, 9) == Approx(2.0));
  CHECK(learning_rate_at(schedule, 10) == Approx(2.0));
  CHECK(learning_rate_at(schedule, 55) == Approx(2.0 * (0.1 + 0.9 * 0.5)));
  CHECK(learning_rate_at(schedule, 99) == Approx(0.2).margin(1e-3));
  for (int step = 11; step < 100; ++step) CHECK(learning_rate_at(schedule, step) < learning_rate_at(schedule, step - 1));
}

TEST_CASE("schedule: without warm-up it starts at the peak; with nothing but warm-up it never divides by zero", "[core][train]") {
  CHECK(learning_rate_at({1.0, 10, 0.0, 0.1}, 0) == Approx(1.0));
  CHECK(learning_rate_at({1.0, 10, 1.0, 0.1}, 9) == Approx(1.0));
}

TEST_CASE("optimiser: the fused update equals the plain composition", "[core][train]") {
  const AdamWStep step{0.9, 0.95, 1e-8, 0.999, 0.02, 1.3, 0.4};
  auto parameter = torch::randn({37, 5}), first = torch::randn({37, 5}), second = torch::rand({37, 5});
  const auto gradient = torch::randn({37, 5});
  auto wide_parameter = parameter.to(torch::kFloat64), wide_first = first.to(torch::kFloat64), wide_second = second.to(torch::kFloat64);
  adamw_update(parameter, gradient, first, second, step);
  adamw_update_plain(wide_parameter, gradient.to(torch::kFloat64), wide_first, wide_second, step);
  CHECK((parameter - wide_parameter).abs().max().item<double>() < 1e-6);
  CHECK((first - wide_first).abs().max().item<double>() < 1e-6);
  CHECK((second - wide_second).abs().max().item<double>() < 1e-6);
}
