// Which changes of basis the optimiser respects (methods-alignment 1.5): an elementwise update commutes with signed permutations and with nothing
// else, so a gauge that is invisible at the start need not be invisible after training.
#include <catch2/catch.hpp>

#include <torch/csrc/autograd/autograd.h>

#include "core/model/language_model.hpp"
#include "core/train/optimiser.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// Losses of 20 steps of AdamW with clipping, in float64.
std::vector<double> trajectory(const Model& start) {
  const LanguageModel model(start, nullptr, torch::kCPU, torch::kFloat64);
  AdamW optimiser(model.parameters(), {});
  const auto parameters = optimiser.parameters();
  std::vector<double> losses;
  for (std::int64_t step = 0; step < 20; ++step) {
    for (const torch::Tensor& parameter : parameters) parameter.requires_grad_(true);
    const torch::Tensor tokens_BT = (torch::arange(13, torch::kInt64).unsqueeze(0) + torch::arange(4, torch::kInt64).unsqueeze(1) * 11 + step * 7).remainder(61);
    const torch::Tensor loss = model.loss(tokens_BT, {}).nats;
    const auto gradients = torch::autograd::grad({loss}, parameters);
    for (const torch::Tensor& parameter : parameters) parameter.requires_grad_(false);
    losses.push_back(loss.item<double>());
    optimiser.step(gradients, 1e-2, 1.0 / (1.0 + global_norm(gradients)));
  }
  return losses;
}

double largest_gap(const Model& start, const TransformSet& change) {
  const auto plain = trajectory(start), moved = trajectory(apply_transforms(start, change));
  REQUIRE(plain.back() < plain.front());
  double gap = 0.0;
  for (std::size_t step = 0; step < plain.size(); ++step) gap = std::max(gap, std::abs(plain[step] - moved[step]));
  return gap;
}

}  // namespace

TEST_CASE("trajectory: signed permutations of units, heads and residual stream are carried through training", "[core][train]") {
  for (const std::uint64_t seed : {1u, 2u}) {
    CAPTURE(seed);
    const Model start = random_model(tiny_spec({.qkv_bias = true}), seed);
    CHECK(largest_gap(start, random_transforms(symmetry_groups(start.spec), {"ffn", "attention_heads", "residual"}, true, seed)) < 1e-11);
  }
}

TEST_CASE("trajectory: gauges and gains are not, so training starts from the anchor's", "[core][train]") {
  const Model start = random_model(tiny_spec(), 3);
  for (const std::vector<std::string>& scopes : {std::vector<std::string>{"gauge"}, {"gains"}}) {
    CAPTURE(scopes);
    CHECK(largest_gap(start, random_transforms(symmetry_groups(start.spec), scopes, true, 3)) > 1e-4);
  }
}
