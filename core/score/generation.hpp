// Continuing a text token by token, with what the predictor remembers (KV cache) instead of running the whole prefix again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/base/random.hpp"
#include "core/model/predictor.hpp"

namespace symphony {

struct SamplingSettings {
  std::int64_t max_tokens = 128;
  double temperature = 0.0;               ///< 0: always the likeliest token
  double top_p = 1.0;                     ///< draw among the likeliest tokens that together have this probability
  std::optional<std::int64_t> stop_token; ///< ends the text; not part of the result
  std::uint64_t seed = 0;
  std::function<bool(std::span<const std::int64_t> written)> stop = {};  ///< asked after every token; true ends the text, of which that token is part
};

/// One token from logits_V: the largest (the lowest id of equals) at temperature 0, otherwise nucleus sampling (Holtzman et al. 2020,
/// arXiv 1904.09751): softmax(logits / temperature) in float64, cut to the smallest set of likeliest tokens whose probability reaches
/// `top_p`. Draws exactly one number from `random` unless the temperature is 0. Throws NumericError for a logit that is not finite.
std::int64_t sample_token(const torch::Tensor& logits_V, double temperature, double top_p, Random& random);

/// The tokens after `prompt`, at most `max_tokens`. A pure function of its arguments. Throws ConfigError for settings out of range and
/// DataError for an empty prompt.
std::vector<std::int64_t> generate(const Predictor& predictor, std::span<const std::int64_t> prompt, const SamplingSettings& settings);

}  // namespace symphony
