// Held-out text as windows of tokens in which each token is scored exactly once.
#pragma once

#include <cstdint>
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

/// Windows over one token stream: `length` tokens each, consecutive windows overlap by `context` >= 1 tokens; at most `max_windows`, evenly spaced.
WindowSet make_windows(const torch::Tensor& stream, std::int64_t length, std::int64_t context, std::int64_t max_windows);

/// Sum of -log2 p over the scored tokens of each window, float64 [N]. Independent of `batch_size`.
std::vector<double> window_bits(const Predictor& predictor, const WindowSet& windows, std::int64_t batch_size);

}  // namespace symphony
