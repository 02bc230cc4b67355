// A sweep on a cluster: what is left of a plan, frozen under <results>/<experiment>/.slurm/<n>/ and submitted to Slurm as job arrays.
//
// One array follows the other: the shared stages, an array a depth of their graph, then the runs; at most kMaxArrayTasks tasks each, as
// Slurm's own default limit allows. An array starts when every task of the one before has ended, well or not (afterany): a run whose stage
// failed fails with the stage's message, one whose stage was killed computes it itself, and the others are not held up.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/sweep/plan.hpp"
#include "core/sweep/slurm_script.hpp"
#include "core/sweep/slurm_settings.hpp"

namespace symphony {

inline constexpr std::size_t kMaxArrayTasks = 1000;

struct SlurmPlan {
  Plan plan;                             ///< its items are the tasks, in the order of the arrays
  std::vector<SlurmArray> arrays;        ///< in the order in which they run
};

/// The items that are not `done`, array by array; what the kept items wait for refers to the new order, without what is done.
SlurmPlan slurm_plan(const Plan& plan, const std::vector<bool>& done);

/// Settings with the cores filled in. Throws ConfigError when fewer are asked for than the plan's stages have threads.
SlurmSettings fit_to_plan(SlurmSettings settings, const Plan& plan);

struct SlurmSubmission {
  std::size_t queued = 0;                ///< items left to tasks of earlier submissions
  std::size_t submitted = 0;
  std::filesystem::path folder;          ///< empty when nothing was left to submit
  std::vector<SlurmArray> arrays;
  std::vector<std::string> jobs;         ///< an id an array
};

/// Submits the items that are neither `done` nor in the queue from an earlier submission. When an array is refused, those before it are
/// withdrawn and nothing is left behind. Throws ConfigError where there is no Slurm, DataError with what its commands say.
SlurmSubmission submit(const Plan& plan, std::vector<bool> done, const SlurmSettings& settings);

/// What `submit` would write and call if nothing were in the queue; touches nothing.
std::string submission_text(const SlurmPlan& plan, const SlurmSettings& settings);

}  // namespace symphony
