// Positions, and the ensemble: log mean_j softmax(logits_j), by logsumexp of the members' log-probabilities.
#include "core/model/predictor.hpp"

#include <cmath>

#include "core/base/error.hpp"

namespace symphony {

Predictor::~Predictor() = default;

torch::Tensor positions_for(const torch::Tensor& tokens_BT, std::int64_t first) {
  const auto options = torch::TensorOptions().dtype(torch::kInt64).device(tokens_BT.device());
  return torch::arange(first, first + tokens_BT.size(1), options).unsqueeze(0).expand({tokens_BT.size(0), tokens_BT.size(1)});
}

Ensemble::Ensemble(std::vector<std::shared_ptr<const Predictor>> members) : members_(std::move(members)) {
  if (members_.empty()) fail<DataError>("ensemble", "has no members, expected at least one");
  for (const auto& member : members_)
    if (member->vocab_size() != vocab_size())
      fail<DataError>("ensemble", "members have vocabularies of {} and {} tokens, expected the same", vocab_size(), member->vocab_size());
}

std::int64_t Ensemble::vocab_size() const { return members_.front()->vocab_size(); }

torch::Tensor Ensemble::forward(const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, DecodeState* state) const {
  if (state != nullptr) {
    if (state->members.empty()) state->members.resize(members_.size());
    if (state->members.size() != members_.size())
      fail<DataError>("ensemble", "the decode state holds {} members, expected {}", state->members.size(), members_.size());
    state->length += tokens_BT.size(1);
  }
  // Running logaddexp: only two members' log-probabilities are held at a time.
  torch::Tensor total_BTV;
  for (std::size_t member = 0; member < members_.size(); ++member) {
    auto* own_state = state != nullptr ? &state->members[member] : nullptr;
    const auto log_p_BTV = members_[member]->forward(tokens_BT, positions_BT, own_state).log_softmax(-1);
    total_BTV = total_BTV.defined() ? torch::logaddexp(total_BTV, log_p_BTV) : log_p_BTV;
  }
  return total_BTV - std::log(static_cast<double>(members_.size()));
}

}  // namespace symphony
