// A decoder forward pass in float64 with plain loops over std::vector, written from the formulas of the block (methods-alignment section 1)
// and sharing no code with core/model: what the model's own passes are compared with.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/model/model_spec.hpp"

namespace symphony::testing {

/// One token's expert choices: (expert, weight) pairs.
struct ReferenceChoice {
  std::int64_t expert;
  double weight;
};
/// What the router of `layer` decides for one token with FFN input `x`.
using ReferenceRouter = std::function<std::vector<ReferenceChoice>(std::int64_t layer, std::int64_t token, const std::vector<double>& x)>;

/// tokens: one sequence from position 0. Returns logits [T][V]. `router` is used where the spec has an MoE.
std::vector<std::vector<double>> reference_forward(const ModelSpec& spec, const TensorMap& parameters, const std::vector<std::int64_t>& tokens,
                                                   const ReferenceRouter& router = nullptr);

/// Mean of -log softmax(logits[t])[targets[t]].
double reference_cross_entropy(const std::vector<std::vector<double>>& logits, const std::vector<std::int64_t>& targets);

}  // namespace symphony::testing
