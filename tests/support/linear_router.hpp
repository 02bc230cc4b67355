// A router for tests of the model and trainer that cannot load plugins: softmax over linear logits, the K largest probabilities, weights
// renormalised over them unless told otherwise, the balance term.
#pragma once

#include <vector>

#include "core/model/router.hpp"
#include "tests/support/reference_forward.hpp"

namespace symphony::testing {

class LinearRouter final : public Router {
 public:
  explicit LinearRouter(std::int64_t num_chosen, bool renormalised = true) : num_chosen_(num_chosen), renormalised_(renormalised) {}
  RouterProperties properties() const override { return {}; }
  std::int64_t choices_per_token(std::int64_t) const override { return num_chosen_; }
  std::vector<RouterParameter> parameters(const ModelSpec& spec) const override;
  RouterOutput route(const RouterInput& input, const TensorMap& parameters) const override;

 private:
  std::int64_t num_chosen_;
  bool renormalised_;
};

/// Says the same choices and weights for every layer, whatever the input.
class FixedRouter final : public Router {
 public:
  FixedRouter(torch::Tensor choices_TK, torch::Tensor weights_TK) : choices_TK_(std::move(choices_TK)), weights_TK_(std::move(weights_TK)) {}
  RouterProperties properties() const override { return {}; }
  std::int64_t choices_per_token(std::int64_t) const override { return choices_TK_.size(1); }
  std::vector<RouterParameter> parameters(const ModelSpec&) const override { return {}; }
  RouterOutput route(const RouterInput& input, const TensorMap& parameters) const override;

 private:
  torch::Tensor choices_TK_, weights_TK_;
};

/// LinearRouter's decisions in plain loops.
ReferenceRouter reference_linear_router(const TensorMap& parameters, std::int64_t num_chosen);

}  // namespace symphony::testing
