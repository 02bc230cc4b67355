// Which tokens each expert computes. The T*K slots of a router's choices are sorted by expert (a stable counting sort), so that one gather
// brings every expert's tokens together and one weighted index_add returns them. T tokens, K slots a token, E experts, S used slots.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace symphony {

struct DispatchPlan {
  torch::Tensor token_rows_S;           ///< int64: the token of each gathered row; ascending within an expert
  torch::Tensor slots_S;                ///< int64: its index in the flattened choices
  std::vector<std::int64_t> counts_E;   ///< rows of each expert; they follow one another in expert order
  /// A token that names one expert twice computes it once with the sum of the weights: slot `repeated_R[j]` is folded into `kept_R[j]`.
  torch::Tensor repeated_R, kept_R;     ///< int64; undefined when no token does
};

/// choices_TK int64 on any device; -1 marks unused slots. Index tensors come back on that device. Throws PluginError naming `who` for
/// indices outside [-1, num_experts).
DispatchPlan plan_dispatch(const torch::Tensor& choices_TK, std::int64_t num_experts, std::string_view who);

}  // namespace symphony
