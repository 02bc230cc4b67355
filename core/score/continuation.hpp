// How likely a model finds continuations: what multiple choice rests on. The rules are those of lm-evaluation-harness 0.4.9 (Gao et al. 2024,
// zenodo 12608602): scores are sums of log-probabilities, over-long inputs are cut on the left, the model sees all but the last token.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/tokenizer.hpp"
#include "core/model/predictor.hpp"

namespace symphony {

struct Continuation {
  std::vector<std::int64_t> context, tokens;
};

struct ContinuationScore {
  double nats = 0.0;    ///< sum of the natural log-probabilities of the continuation's tokens
  bool greedy = false;  ///< every token is the likeliest at its place
};

/// Context and continuation of a pair of texts. Trailing whitespace of the context moves to the continuation; the continuation's tokens are those
/// of both texts together less as many as the context has, so that no token crosses the border unseen. An empty context becomes BOS, or EOS where
/// the tokenizer has no BOS. Throws DataError for an empty continuation, or an empty context without either token.
Continuation encode_continuation(const Tokenizer& tokenizer, std::string_view context, std::string_view continuation);

/// One score an item. `max_length`: tokens that the model sees at most, 0 without limit; what is too much is cut from the context's left.
/// With the default batch size items go through one by one and a score is the same to the last bit in any company; a larger batch puts
/// neighbours of equal length together (there is no padding) and changes scores by the predictor's rounding only. Without gradients. Throws
/// DataError for an item without context or continuation or whose continuation alone is too long, NumericError for a score that is not finite.
std::vector<ContinuationScore> score_continuations(const Predictor& predictor, std::span<const Continuation> items, std::int64_t max_length = 0,
                                                   std::int64_t batch_size = 1);

}  // namespace symphony
