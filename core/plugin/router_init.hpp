// Category `router_init`: the first values of a router's parameters, from statistics of the assembled model. Called once per layer, from
// the bottom: layer l's statistics are those of the model whose routers below l are already initialised. Deterministic given the context.
#pragma once

#include <vector>

#include "core/model/router.hpp"
#include "core/plugin/context.hpp"

namespace symphony {

/// What the FFN of one layer reads on calibration tokens, labelled by the domain they came from.
struct FfnInputMoments {
  torch::Tensor gram_DD;       ///< sum x x^T, float64
  torch::Tensor sums_MD;       ///< sum of x over the tokens of each domain, float64
  torch::Tensor counts_M;      ///< tokens of each domain, float64
};

struct RouterInitProblem {
  const ModelSpec& spec;
  std::int64_t layer = 0;
  const std::vector<RouterParameter>& parameters;
  FfnInputMoments moments;                        ///< undefined tensors unless needs_statistics()
  /// For each expert the calibration domain that its source was trained on, or -1.
  std::vector<std::int64_t> expert_domains;
};

class RouterInit {
 public:
  virtual ~RouterInit();
  virtual bool needs_statistics() const;
  /// A float32 tensor for every entry of `problem.parameters`.
  virtual TensorMap initialise(const RouterInitProblem& problem, const Context& context) const = 0;
};

}  // namespace symphony
