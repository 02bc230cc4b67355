// Held-out text as windows of tokens in which each token is scored exactly once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "core/model/predictor.hpp"

namespace symphony {

/// N windows of T tokens. tokens_NT[:, 0] is context only (the token before the window, or BOS); columns first_scored.. are scored.
struct WindowSet {
  torch::Tensor tokens_NT;                 ///< int64
  std::vector<std::int64_t> first_scored;  ///< per window, >= 1
  std::vector<double> bytes;               ///< UTF-8 bytes that the scored tokens of each window stand for
  std::int64_t size() const { return tokens_NT.defined() ? tokens_NT.size(0) : 0; }
};

/// Windows over one token stream [S], integer, whose first token (BOS) is only context: `length` tokens each (fewer when the stream is
/// shorter), consecutive windows overlap by `context` >= 1 tokens, the last one by as many as are missing to a whole window. All of them, or
/// `max_windows` evenly spaced ones. `token_bytes_V` gives the bytes of each token id; without it a token is one byte.
/// Throws DataError when nothing can be scored or the arguments contradict each other.
WindowSet make_windows(const torch::Tensor& stream, std::int64_t length, std::int64_t context, std::int64_t max_windows,
                       const std::vector<std::int64_t>& token_bytes_V = {});

/// At most `count` of them, evenly spaced.
WindowSet some_windows(const WindowSet& windows, std::int64_t count);

/// SHA-256, in hex, of tokens, first scored columns and bytes: equal where two models are measured on the same windows in the same order.
std::string window_hash(const WindowSet& windows);

/// Sum of -log2 p over the scored tokens of each window, in float64 from float32 logits. With the default batch size windows go through the
/// predictor one by one, so a window's number is the same to the last bit whichever windows are scored beside it; a larger batch changes it
/// by the predictor's own rounding only (about 1e-7 of it). Without gradients. Throws NumericError when a number is not finite.
std::vector<double> window_bits(const Predictor& predictor, const WindowSet& windows, std::int64_t batch_size = 1);

}  // namespace symphony
