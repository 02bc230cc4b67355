// Log-softmax at the places that predict the continuation, in float64 from the predictor's logits.
#include "core/score/continuation.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"

namespace symphony {

namespace {

/// The tokens that count, cut on the left to `max_length` inputs and the last target.
std::vector<std::int64_t> fitted(const Continuation& item, std::int64_t max_length) {
  if (item.context.empty() || item.tokens.empty())
    fail<DataError>("continuation", "got {} tokens of context and {} of continuation, expected at least one of each", item.context.size(), item.tokens.size());
  std::vector<std::int64_t> tokens = item.context;
  tokens.insert(tokens.end(), item.tokens.begin(), item.tokens.end());
  if (max_length == 0 || static_cast<std::int64_t>(tokens.size()) <= max_length + 1) return tokens;
  if (static_cast<std::int64_t>(item.tokens.size()) > max_length)
    fail<DataError>("continuation", "got {} tokens of continuation, expected at most the model's {}", item.tokens.size(), max_length);
  tokens.erase(tokens.begin(), tokens.end() - (max_length + 1));
  return tokens;
}

/// `logits_TV`: at the places that predict `targets`.
ContinuationScore score_of(const torch::Tensor& logits_TV, std::span<const std::int64_t> targets) {
  const torch::Tensor values_TV = logits_TV.to(torch::kCPU, torch::kDouble);
  const torch::Tensor targets_T = torch::tensor(torch::ArrayRef<std::int64_t>(targets.data(), targets.size()), torch::kLong);
  ContinuationScore score;
  score.nats = (values_TV.gather(1, targets_T.unsqueeze(1)).squeeze(1) - values_TV.logsumexp(1)).sum().item<double>();
  score.greedy = values_TV.argmax(1).equal(targets_T);
  if (!std::isfinite(score.nats)) fail<NumericError>("continuation", "the log-likelihood is {}, expected a finite number", score.nats);
  return score;
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

}  // namespace

Continuation encode_continuation(const Tokenizer& tokenizer, std::string_view context, std::string_view continuation) {
  std::size_t kept = context.size();
  while (kept > 0 && is_space(context[kept - 1])) --kept;
  const std::string whole = std::string(context) + std::string(continuation);
  Continuation item;
  const std::vector<std::int64_t> all = tokenizer.encode(whole);
  if (kept == 0) {
    const auto special = tokenizer.special();
    if (!special.bos && !special.eos) fail<DataError>("continuation", "the context is empty and the tokenizer has neither BOS nor EOS");
    item.context = {special.bos ? *special.bos : *special.eos};
    item.tokens = all;
  } else {
    item.context = tokenizer.encode(context.substr(0, kept));
    const auto shared = static_cast<std::ptrdiff_t>(std::min(item.context.size(), all.size()));
    item.tokens.assign(all.begin() + shared, all.end());
  }
  if (item.tokens.empty()) fail<DataError>("continuation", "the continuation '{}' has no tokens of its own", std::string(continuation));
  return item;
}

std::vector<ContinuationScore> score_continuations(const Predictor& predictor, std::span<const Continuation> items, std::int64_t max_length,
                                                   std::int64_t batch_size) {
  if (batch_size < 1) fail<ConfigError>("continuation", "got a batch of {} items, expected at least 1", batch_size);
  const torch::NoGradGuard no_grad;
  std::vector<ContinuationScore> scores;
  while (scores.size() < items.size()) {
    std::vector<std::vector<std::int64_t>> batch{fitted(items[scores.size()], max_length)};
    while (static_cast<std::int64_t>(batch.size()) < batch_size && scores.size() + batch.size() < items.size()) {
      auto next = fitted(items[scores.size() + batch.size()], max_length);
      if (next.size() != batch.front().size()) break;
      batch.push_back(std::move(next));
    }
    const auto length = static_cast<std::int64_t>(batch.front().size()) - 1;
    torch::Tensor inputs_BT = torch::empty({static_cast<std::int64_t>(batch.size()), length}, torch::kLong);
    for (std::size_t row = 0; row < batch.size(); ++row) std::copy_n(batch[row].begin(), length, inputs_BT.data_ptr<std::int64_t>() + static_cast<std::int64_t>(row) * length);
    const torch::Tensor logits_BTV = predictor.forward(inputs_BT, positions_for(inputs_BT));
    const std::size_t first = scores.size();
    for (std::size_t row = 0; row < batch.size(); ++row) {
      const auto& targets = items[first + row].tokens;
      scores.push_back(score_of(logits_BTV[static_cast<std::int64_t>(row)].slice(0, length - static_cast<std::int64_t>(targets.size())), targets));
    }
  }
  return scores;
}

}  // namespace symphony
