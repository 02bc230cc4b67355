// What linear routers share, and what their initialisers do. A linear router has one parameter, "weight" [E, D], a row an expert; its logits are
// the inputs times the transpose, its choices the k highest logits.
// T tokens, D hidden, E experts, K choices per token.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/model/router.hpp"
#include "core/plugin/router_init.hpp"

namespace symphony {

/// A router that chooses the k highest of its linear logits. Subclasses say only how the chosen experts are weighted.
class LinearRouter : public Router {
 public:
  /// `who` is the plugin's name, for errors.
  LinearRouter(std::string who, std::int64_t k) : who_(std::move(who)), k_(k) {}
  std::int64_t choices_per_token(std::int64_t num_experts) const override;
  std::vector<RouterParameter> parameters(const ModelSpec& spec) const override;
  /// The balance term is balance_loss of router.hpp over the softmax of all logits.
  RouterOutput route(const RouterInput& input, const TensorMap& parameters) const override;

 protected:
  /// weights_TK of `chosen`, in which everything else is filled.
  virtual torch::Tensor weights(const RouterOutput& chosen) const = 0;

 private:
  std::string who_;
  std::int64_t k_;
};

/// `k`, which a bank of `num_experts` must have. Throws ConfigError naming `who`.
std::int64_t checked_choices(std::int64_t k, std::int64_t num_experts, std::string_view who);

/// A map with "weight" filled by `rows(E, D)`, or an empty one for a router without parameters. Throws ConfigError naming `who` and the parameter
/// when the router has any other.
TensorMap initialise_linear_router(const RouterInitProblem& problem, std::string_view who,
                                   const std::function<torch::Tensor(std::int64_t, std::int64_t)>& rows);

}  // namespace symphony
