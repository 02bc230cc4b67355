// What every run in a sweep's folder is doing, from its status.json and its worker's job file. What says it is running is believed only while its
// worker holds the lock of the run, or of the shared stage (the kernel frees it when the process ends, however it ends), or, on another machine,
// while its heartbeat is fresh.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/sweep/plan.hpp"

namespace symphony {

struct RunState {
  std::string run_id;                    ///< or a shared stage's label
  std::string state = "pending";         ///< finished, running, died, failed, interrupted, pending, not in the plan
  std::string stage;                     ///< where a running run is, or a dead one was: "training code, 43 %"
  std::string message;                   ///< of a failure; the pace of what runs
  std::optional<double> heartbeat_age;   ///< seconds since a running or dead run was last heard of
};

/// `folder` is results/<experiment>.
RunState run_state(const std::filesystem::path& folder, const std::string& run_id);
/// Names of the folder's runs that the plan does not have: left from before the experiment changed.
std::vector<std::string> runs_not_in_plan(const Plan& plan, const std::filesystem::path& folder);
/// Shared stages that are being computed, or whose worker died at it.
std::vector<RunState> stage_states(const Plan& plan);
/// In the plan's order; then the folder's runs that are not in the plan, by name, their state in the message.
std::vector<RunState> run_states(const Plan& plan, const std::filesystem::path& folder);
/// "75 runs: 70 finished, 2 running, 1 died, 2 pending; 3 more are not in the plan"
std::string count_states(const std::vector<RunState>& states);

}  // namespace symphony
