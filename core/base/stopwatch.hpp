// Wall and processor time since a start.
#pragma once

#include <chrono>

#include "core/base/process.hpp"

namespace symphony {

class Stopwatch {
 public:
  Stopwatch() : start_(Clock::now()), start_cpu_(own_usage().cpu_seconds) {}
  double wall_seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  /// Of all threads of this process since the start.
  double cpu_seconds() const { return own_usage().cpu_seconds - start_cpu_; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_;
  double start_cpu_;
};

}  // namespace symphony
