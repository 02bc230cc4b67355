// The tokens of one pass through the decoder: what every layer needs to know of them besides the residual stream.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "core/model/model_spec.hpp"
#include "core/model/rope.hpp"

namespace symphony {

struct TokenBatch {
  std::int64_t batch = 0, length = 0;                       ///< B sequences of T tokens; N = B * T
  torch::Tensor token_ids_N, sequence_ids_N, positions_N;   ///< int64, flattened
  RopeTable rope;
  /// Of a streamed pass: the flattened index of these tokens' first one among all tokens; -1 when these are all.
  std::int64_t first_token = -1;
};

/// Throws DataError unless tokens and positions are int64 of one shape [B, T] and every token is in the vocabulary.
TokenBatch token_batch(const ModelSpec& spec, const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, torch::ScalarType dtype,
                       torch::Device device);

}  // namespace symphony
