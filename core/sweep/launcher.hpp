// Runs a plan on this machine: worker processes, at most `jobs` at a time, each one item; never a bare fork. A worker that crashes fails its item
// and what needs it, not the sweep; a worker whose coordinator dies saves what it has and stops.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/sweep/plan.hpp"

namespace symphony {

struct LaunchOptions {
  std::size_t jobs = 1;
  std::uint64_t memory_bytes = 0;  ///< what the jobs together may need by the plan's estimates; a larger job runs alone. 0: no limit
  bool stop_on_error = false;     ///< start nothing new after the first failure
  bool quiet = false;
  std::filesystem::path runner;   ///< the executable of the workers
  std::filesystem::path plan_file;
};

struct ItemFailure {
  std::string label, message;
};

struct LaunchResult {
  std::int64_t stages_executed = 0, stages_cached = 0;
  std::size_t runs_finished = 0;
  std::vector<ItemFailure> failures;
  std::vector<std::string> not_started;  ///< labels of the jobs that need a failed one
  bool interrupted = false;
};

/// `already_done[i]`: item i needs no worker. Every failure is printed at once; the caller prints them again at the end.
LaunchResult launch(const Plan& plan, const std::vector<bool>& already_done, const LaunchOptions& options, const std::function<bool()>& stop_requested);

}  // namespace symphony
