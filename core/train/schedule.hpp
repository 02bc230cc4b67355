// The learning rate of a step: linear warm-up from 0, then a cosine to a fraction of the peak (Loshchilov and Hutter 2017, "SGDR").
#pragma once

#include <cstdint>

namespace symphony {

struct Schedule {
  double peak = 0.0;
  std::int64_t steps = 0;         ///< of the whole run
  double warmup = 0.0;            ///< share of the steps, [0, 1]
  double final_fraction = 1.0;    ///< of the peak, reached at the end
};

/// step in 0..steps-1. With w = round(warmup * steps): peak * (step + 1) / w while step < w, then
/// peak * (f + (1 - f) (1 + cos(pi (step - w) / (steps - w))) / 2).
double learning_rate_at(const Schedule& schedule, std::int64_t step);

}  // namespace symphony
