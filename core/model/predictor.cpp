// Positions, and the ensemble, by logsumexp of the members' weighted log-probabilities.
#include "core/model/predictor.hpp"

#include <cmath>

#include "core/base/error.hpp"

namespace symphony {

Predictor::~Predictor() = default;

torch::Tensor positions_for(const torch::Tensor& tokens_BT, std::int64_t first) {
  const auto options = torch::TensorOptions().dtype(torch::kInt64).device(tokens_BT.device());
  return torch::arange(first, first + tokens_BT.size(1), options).unsqueeze(0).expand({tokens_BT.size(0), tokens_BT.size(1)});
}

Ensemble::Ensemble(std::vector<std::shared_ptr<const Predictor>> members, EnsembleWeights weights) : members_(std::move(members)), weights_(weights) {
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
  torch::Tensor total_BTV, evidence_BT;
  for (std::size_t member = 0; member < members_.size(); ++member) {
    auto* own_state = state != nullptr ? &state->members[member] : nullptr;
    auto log_p_BTV = members_[member]->forward(tokens_BT, positions_BT, own_state).log_softmax(-1);
    if (weights_ == EnsembleWeights::posterior) {
      const torch::Tensor own_BT = evidence(member, log_p_BTV, tokens_BT, state);
      evidence_BT = evidence_BT.defined() ? torch::logaddexp(evidence_BT, own_BT) : own_BT;
      log_p_BTV = log_p_BTV + own_BT.unsqueeze(-1);
    }
    total_BTV = total_BTV.defined() ? torch::logaddexp(total_BTV, log_p_BTV) : log_p_BTV;
  }
  if (weights_ == EnsembleWeights::posterior) return total_BTV - evidence_BT.unsqueeze(-1);
  return total_BTV - std::log(static_cast<double>(members_.size()));
}

torch::Tensor Ensemble::evidence(std::size_t member, const torch::Tensor& log_p_BTV, const torch::Tensor& tokens_BT, DecodeState* state) const {
  const std::int64_t batch = tokens_BT.size(0), length = tokens_BT.size(1), place = static_cast<std::int64_t>(member);
  const auto said_of = [](const torch::Tensor& log_p, const torch::Tensor& tokens) { return log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1); };
  torch::Tensor before_BT = torch::zeros({batch, length}, log_p_BTV.options());
  if (length > 1) before_BT.narrow(1, 1, length - 1).copy_(said_of(log_p_BTV.narrow(1, 0, length - 1), tokens_BT.narrow(1, 1, length - 1)).cumsum(1));
  if (state == nullptr) return before_BT;
  if (!state->evidence_MB.defined()) {
    const auto members = static_cast<std::int64_t>(members_.size());
    state->evidence_MB = torch::zeros({members, batch}, log_p_BTV.options());
    state->next_log_p_MBV = torch::zeros({members, batch, vocab_size()}, log_p_BTV.options());  // of the first token nothing was said
  }
  torch::Tensor so_far_B = state->evidence_MB[place];
  before_BT += (so_far_B + said_of(state->next_log_p_MBV[place], tokens_BT.select(1, 0))).unsqueeze(1);
  so_far_B.copy_(before_BT.select(1, length - 1));
  state->next_log_p_MBV[place].copy_(log_p_BTV.select(1, length - 1));
  return before_BT;
}

}  // namespace symphony
