// The router contract (category `router`): a pure function from FFN inputs to expert choices. Called once per MoE layer and forward pass,
// in training and in evaluation, with float32 inputs (float64 where
// a check runs the model in float64). Implementations keep no state; what must survive the call is returned.
//
// T tokens (batch and positions flattened), D hidden, E experts, K choices per token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/base/random.hpp"
#include "core/model/model_spec.hpp"
#include "core/tensor/tensor_source.hpp"

namespace symphony {

struct RouterInput {
  torch::Tensor hidden_TD;       ///< post-attention RMSNorm output, the experts' input
  torch::Tensor token_ids_T;     ///< int64
  torch::Tensor sequence_ids_T;  ///< int64, rows of the batch
  torch::Tensor positions_T;     ///< int64, position in the sequence
  torch::Tensor carried;         ///< `RouterOutput::carried` of the layer below; undefined in the first
  std::int64_t layer = 0;
  std::int64_t num_experts = 0;
  std::int64_t step = 0;         ///< optimiser step; 0 outside training
  bool training = false;
  std::uint64_t seed = 0;        ///< for routers that draw: already derived for this stage
};

struct RouterOutput {
  torch::Tensor choices_TK;         ///< int64 expert indices; -1 marks an unused slot
  torch::Tensor weights_TK;         ///< >= 0; 0 in unused slots; differentiable where the router is
  torch::Tensor logits_TE;          ///< before any selection; undefined for routers without logits
  torch::Tensor probabilities_TE;   ///< rows sum to 1
  torch::Tensor balance;            ///< scalar, unweighted: E/(K T) sum_e count_e mean_t p_te, 1 at perfect balance (methods-moe F7); undefined if none
  torch::Tensor carried;            ///< passed to the layer above; may be undefined
};

struct RouterProperties {
  bool causal = true;            ///< the output at a position does not depend on later tokens
  bool weights_sum_to_one = true;
  bool differentiable = true;    ///< the language-model loss reaches the router's parameters
  bool sequence_scope = false;   ///< one path for a whole sequence, decided from its prefix
};

struct RouterParameter {
  std::string name;                 ///< "weight" is stored as model.layers.{l}.mlp.router.weight
  std::vector<std::int64_t> shape;
};

class Router {
 public:
  virtual ~Router();
  virtual RouterProperties properties() const = 0;
  /// K, the width of choices_TK, for a bank of `num_experts`. Throws ConfigError when the bank is too small.
  virtual std::int64_t choices_per_token(std::int64_t num_experts) const = 0;
  /// Parameters of one layer's router; empty for routers that learn nothing.
  virtual std::vector<RouterParameter> parameters(const ModelSpec& spec) const = 0;
  /// Deterministic given the input. Throws DataError when a parameter is missing or misshapen.
  virtual RouterOutput route(const RouterInput& input, const TensorMap& parameters) const = 0;
};

/// The balance loss in our convention (one layer): E/(K T) * sum_e count_e * mean_t p_te, counts detached. 1 at perfect balance. Slots of -1 are
/// not counted, and K T is the number of slots that are used; 0 when none is. Throws DataError for shapes or choices that do not fit.
torch::Tensor balance_loss(const torch::Tensor& choices_TK, const torch::Tensor& probabilities_TE);

// What routers share.

/// The k experts of the highest score for every token, best first, int64 [T, K]; among equal scores the lowest expert index first.
torch::Tensor top_experts(const torch::Tensor& scores_TE, std::int64_t k);
/// The parameter called `name`. Throws DataError naming `who` when it is missing or not of `shape`.
const torch::Tensor& router_parameter(const TensorMap& parameters, std::string_view name, std::vector<std::int64_t> shape, std::string_view who);
/// Logits of the linear router whose rows are the parameter "weight" [E, D]: hidden_TD times its transpose.
torch::Tensor linear_logits(const RouterInput& input, const TensorMap& parameters, std::string_view who);

}  // namespace symphony
