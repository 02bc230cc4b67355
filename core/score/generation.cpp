// Prefill with the whole prompt, then one token a step through the decode state.
#include "core/score/generation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.hpp"

namespace symphony {

std::int64_t sample_token(const torch::Tensor& logits_V, double temperature, double top_p, Random& random) {
  const torch::Tensor values_V = logits_V.to(torch::kCPU, torch::kDouble).contiguous();
  const std::span logits(values_V.data_ptr<double>(), static_cast<std::size_t>(values_V.numel()));
  const auto wrong = std::find_if(logits.begin(), logits.end(), [](double logit) { return !std::isfinite(logit); });
  if (wrong != logits.end()) fail<NumericError>("generation", "the logit of token {} is {}, expected a finite number", wrong - logits.begin(), *wrong);
  const auto likeliest = std::max_element(logits.begin(), logits.end());
  if (temperature == 0) return likeliest - logits.begin();
  const double largest = *likeliest;

  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  std::vector<double> weights;
  double total = 0.0;
  for (const std::size_t token : order) total += weights.emplace_back(std::exp((logits[token] - largest) / temperature));
  double kept = 0.0;
  std::size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < top_p * total)) kept += weights[count++];
  double point = random.uniform() * kept;
  std::size_t chosen = 0;
  while (chosen + 1 < count && point >= weights[chosen]) point -= weights[chosen++];
  return static_cast<std::int64_t>(order[chosen]);
}

std::vector<std::int64_t> generate(const Predictor& predictor, std::span<const std::int64_t> prompt, const SamplingSettings& settings) {
  if (prompt.empty()) fail<DataError>("generation", "the prompt has no tokens, expected at least one, such as BOS");
  if (settings.max_tokens < 0 || !(settings.temperature >= 0) || !(settings.top_p > 0) || settings.top_p > 1)
    fail<ConfigError>("generation", "got {} tokens, temperature {} and top_p {}, expected at least 0, at least 0, and (0, 1]", settings.max_tokens,
                      settings.temperature, settings.top_p);
  const torch::NoGradGuard no_grad;
  Random random(settings.seed, "generation");
  std::vector<std::int64_t> pending(prompt.begin(), prompt.end()), text;
  DecodeState state;
  std::int64_t position = 0;
  while (static_cast<std::int64_t>(text.size()) < settings.max_tokens) {
    const torch::Tensor tokens_1T = torch::tensor(pending, torch::kLong).unsqueeze(0);
    const torch::Tensor logits_1TV = predictor.forward(tokens_1T, positions_for(tokens_1T, position), &state);
    position += tokens_1T.size(1);
    const std::int64_t token = sample_token(logits_1TV[0][-1], settings.temperature, settings.top_p, random);
    if (token == settings.stop_token) break;
    text.push_back(token);
    if (settings.stop && settings.stop(text)) break;
    pending = {token};
  }
  return text;
}

}  // namespace symphony
