// Units without signal, which no similarity can match: they are paired among themselves and left out of what is solved.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>

namespace symphony {

struct DeadPairs {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;      ///< slot, unit
  std::vector<std::int64_t> other_slots, other_units;            ///< the rest, equally many, in increasing order
};

/// dead_anchor, dead_source: bool [size], or undefined for none. As many as possible are paired: equal indices first, the others in increasing order.
/// What one side has too many of stays among the rest.
DeadPairs pair_dead_units(std::int64_t size, const torch::Tensor& dead_anchor, const torch::Tensor& dead_source);

}  // namespace symphony
