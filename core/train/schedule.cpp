// Linear warm-up and cosine decay.
#include "core/train/schedule.hpp"

#include <cmath>
#include <numbers>

namespace symphony {

double learning_rate_at(const Schedule& schedule, std::int64_t step) {
  const auto warmup_steps = std::llround(schedule.warmup * static_cast<double>(schedule.steps));
  if (step < warmup_steps) return schedule.peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  const double progress = static_cast<double>(step - warmup_steps) / static_cast<double>(schedule.steps - warmup_steps);
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return schedule.peak * (schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine);
}

}  // namespace symphony
