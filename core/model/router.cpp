// What routers share: the balance loss (Fedus et al. 2021, arXiv 2101.03961, equation 4, with the fraction of slots in place of the fraction
// of tokens, so that balance reads 1 for every k; differs from it also in being averaged over layers, not summed, so that a coefficient means the same at any
// depth: their coefficient is ours divided by the number of layers), selection with a defined order among ties, and the linear router's logits.
// T tokens, D hidden, E experts, K choices per token.
#include "core/model/router.hpp"

#include <torch/types.h>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

Router::~Router() = default;

torch::Tensor balance_loss(const torch::Tensor& choices_TK, const torch::Tensor& probabilities_TE) {
  if (choices_TK.dim() != 2 || probabilities_TE.dim() != 2 || choices_TK.size(0) != probabilities_TE.size(0))
    fail<DataError>("balance loss", "choices are {}, probabilities {}, expected [T, K] and [T, E]", shape_text(choices_TK.sizes()),
                    shape_text(probabilities_TE.sizes()));
  const std::int64_t num_experts = probabilities_TE.size(1);
  const torch::Tensor used = choices_TK.detach().masked_select(choices_TK >= 0);
  if (used.numel() == 0) return probabilities_TE.sum() * 0.0;  // keeps the graph: the caller adds the terms of all layers
  const torch::Tensor counts_E = torch::bincount(used, {}, num_experts);
  if (counts_E.size(0) != num_experts)
    fail<DataError>("balance loss", "a choice names expert {}, expected 0 to {}", counts_E.size(0) - 1, num_experts - 1);
  const torch::Tensor load_E = counts_E.to(probabilities_TE.scalar_type()) / static_cast<double>(used.numel());
  return static_cast<double>(num_experts) * (load_E * probabilities_TE.mean(0)).sum();
}

torch::Tensor top_experts(const torch::Tensor& scores_TE, std::int64_t k) {
  SYMPHONY_ASSERT(scores_TE.dim() == 2 && k >= 1 && k <= scores_TE.size(1));
  // topk leaves the order among equal scores open; a stable sort keeps the lower index first.
  return std::get<1>(torch::sort(scores_TE.detach(), /*stable=*/true, /*dim=*/1, /*descending=*/true)).slice(1, 0, k).contiguous();
}

const torch::Tensor& router_parameter(const TensorMap& parameters, std::string_view name, std::vector<std::int64_t> shape, std::string_view who) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) {
    std::vector<std::string> known;
    for (const auto& [key, tensor] : parameters) known.push_back(key);
    fail<DataError>(who, "no router parameter {}, got {}", quoted(name), known.empty() ? "none" : join(known, ", "));
  }
  if (found->second.sizes().vec() != shape)
    fail<DataError>(who, "router parameter {} has shape {}, expected {}", quoted(name), shape_text(found->second.sizes()), shape_text(shape));
  return found->second;
}

torch::Tensor linear_logits(const RouterInput& input, const TensorMap& parameters, std::string_view who) {
  const torch::Tensor& weight_ED = router_parameter(parameters, "weight", {input.num_experts, input.hidden_TD.size(1)}, who);
  return input.hidden_TD.matmul(weight_ED.t());
}

}  // namespace symphony
