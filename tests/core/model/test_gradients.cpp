// Finite differences in float64 for every loss: the gradients that training follows are those of the numbers it reports.
#include <catch2/catch.hpp>

#include <functional>

#include <torch/csrc/autograd/autograd.h>

#include "core/model/language_model.hpp"
#include "tests/support/linear_router.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// Compares d objective / d p along a random direction, for every parameter of the model, with a central difference.
void check_directions(const LanguageModel& model, std::uint64_t seed, const std::function<torch::Tensor()>& objective, bool must_reach_all) {
  std::vector<torch::Tensor> parameters;
  for (const auto& [name, tensor] : model.parameters()) parameters.push_back(tensor.set_requires_grad(true));
  const auto gradients = torch::autograd::grad({objective()}, parameters, {}, false, false, true);

  const torch::NoGradGuard no_grad;
  std::size_t index = 0;
  for (const auto& [name, tensor] : model.parameters()) {
    CAPTURE(name, seed);
    auto direction = torch::empty_like(tensor);
    Random random(seed, name);
    for (std::int64_t place = 0; place < direction.numel(); ++place) direction.data_ptr<double>()[place] = random.normal();
    direction /= direction.norm();
    constexpr double kStep = 1e-5;  // error of the difference: step^2 ~ 1e-10 plus rounding 1e-16 / step
    tensor.add_(direction, kStep);
    const double above = objective().item<double>();
    tensor.add_(direction, -2 * kStep);
    const double below = objective().item<double>();
    tensor.add_(direction, kStep);
    const auto& gradient = gradients[index++];
    if (must_reach_all) REQUIRE(gradient.defined());
    const double slope = gradient.defined() ? (gradient * direction).sum().item<double>() : 0.0;
    CHECK(slope == Approx((above - below) / (2 * kStep)).epsilon(1e-5).margin(1e-8));
  }
}

}  // namespace

TEST_CASE("gradients: cross-entropy through a dense model agrees with finite differences", "[core][model]") {
  const std::uint64_t seed = GENERATE(1, 2);
  TinyOptions options;
  options.qkv_bias = true;
  options.tied_head = seed == 2;
  const ModelSpec spec = tiny_spec(options);
  const LanguageModel model(random_model(spec, seed), nullptr, torch::kCPU, torch::kFloat64);
  const auto tokens_BT = random_tokens(2, 9, spec.vocab_size, seed);
  check_directions(model, seed, [&] { return model.loss(tokens_BT, {}).nats; }, true);
}

TEST_CASE("gradients: cross-entropy through a Mixture-of-Experts agrees with finite differences", "[core][model]") {
  const std::uint64_t seed = GENERATE(1, 2);
  TinyOptions options;
  options.num_experts = 4;
  ModelSpec spec = tiny_spec(options);
  spec.moe->output_scale = 1.25;
  const LanguageModel model(random_model(spec, seed), std::make_shared<LinearRouter>(2), torch::kCPU, torch::kFloat64);
  const auto tokens_BT = random_tokens(2, 9, spec.vocab_size, seed);
  check_directions(model, seed, [&] { return model.loss(tokens_BT, {}).nats; }, true);
}

TEST_CASE("gradients: the balance term agrees with finite differences", "[core][model]") {
  TinyOptions options;
  options.num_experts = 4;
  const ModelSpec spec = tiny_spec(options);
  const LanguageModel model(random_model(spec, 3), std::make_shared<LinearRouter>(2), torch::kCPU, torch::kFloat64);
  const auto tokens_BT = random_tokens(2, 9, spec.vocab_size, 3);
  check_directions(model, 3, [&] { return model.loss(tokens_BT, {}).balance; }, false);
}

TEST_CASE("gradients: weights of repeated and unused slots reach the router's weights", "[core][model]") {
  TinyOptions options;
  options.num_experts = 3;
  ModelSpec spec = tiny_spec(options);
  spec.moe->router = Method{"fixed", ValueMap{}};
  const auto choices_TK = torch::tensor({1, 1, 2, -1, 0, 2, 0, 0}, torch::kInt64).view({4, 2});
  auto weights_TK = torch::tensor({0.3, 0.4, 0.9, 0.0, 0.5, 0.6, 0.2, 0.1}, torch::kFloat64).view({4, 2}).set_requires_grad(true);
  const LanguageModel model(random_model(spec, 4), std::make_shared<FixedRouter>(choices_TK, weights_TK), torch::kCPU, torch::kFloat64);
  const auto tokens_BT = random_tokens(1, 5, spec.vocab_size, 4);
  const auto objective = [&] { return model.loss(tokens_BT, {}).nats; };
  const auto gradient_TK = torch::autograd::grad({objective()}, {weights_TK})[0];
  const torch::NoGradGuard no_grad;
  for (std::int64_t slot = 0; slot < 8; ++slot) {
    CAPTURE(slot);
    auto place = weights_TK.view(-1)[slot];
    place += 1e-5;
    const double above = objective().item<double>();
    place -= 2e-5;
    const double below = objective().item<double>();
    place += 1e-5;
    CHECK(gradient_TK.view(-1)[slot].item<double>() == Approx((above - below) / 2e-5).margin(1e-8));
  }
}
