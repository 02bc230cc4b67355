// Token batches for tests.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "core/base/random.hpp"

namespace symphony::testing {

/// int64 [batch, length], uniform over the vocabulary.
inline torch::Tensor random_tokens(std::int64_t batch, std::int64_t length, std::int64_t vocab, std::uint64_t seed) {
  auto tokens_BT = torch::empty({batch, length}, torch::kInt64);
  Random random(seed, "test tokens");
  for (std::int64_t place = 0; place < tokens_BT.numel(); ++place)
    tokens_BT.data_ptr<std::int64_t>()[place] = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(vocab)));
  return tokens_BT;
}

}  // namespace symphony::testing
