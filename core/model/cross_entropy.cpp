// Mean cross-entropy of class indices given logits, in nats.
#include "core/model/cross_entropy.hpp"

namespace symphony {

torch::Tensor cross_entropy_plain(const torch::Tensor& logits_NV, const torch::Tensor& targets_N) {
  const auto chosen_N = logits_NV.gather(1, targets_N.unsqueeze(1)).squeeze(1);
  return (logits_NV.logsumexp(1) - chosen_N).mean();
}

torch::Tensor cross_entropy(const torch::Tensor& logits_NV, const torch::Tensor& targets_N) { return cross_entropy_plain(logits_NV, targets_N); }

}  // namespace symphony
