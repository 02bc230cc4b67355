// What an experiment asks of Slurm: the top-level key `slurm` of its file. It says how the sweep is submitted, never what is computed, so it
// stands beside the runs' configuration as `seeds` does and enters no run id and no stage key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/schema.hpp"

namespace symphony {

struct SlurmSettings {
  std::string partition;                 ///< "": the cluster's default
  std::string time;                      ///< wall time of a task as sbatch takes it; "": the partition's limit
  std::int64_t cpus = 0;                 ///< of a task; 0: the experiment's threads
  std::string memory;                    ///< of a task as sbatch takes it, "8G"; "": the cluster's default
  std::int64_t gpus = 0;                 ///< of a task
  std::int64_t throttle = 0;             ///< tasks that may run at once; 0: any number
  std::int64_t notice = 120;             ///< seconds before the time limit at which a task saves and goes back into the queue
  std::int64_t restarts = 50;            ///< times that a task which ran out of time goes back into the queue
  std::vector<std::string> options;      ///< further options of sbatch: "--account=moe"
  static void describe(Schema& s);
};

/// What no range can say: the forms of time and memory, a wall time that is longer than the notice, words that fit into a #SBATCH line.
SchemaIssues check_slurm(const SlurmSettings& settings);

/// Seconds of a wall time in one of Slurm's forms: "90" (minutes), "90:00", "1:30:00", "1-12", "1-12:30", "1-12:30:00"; nothing for other text.
std::optional<std::int64_t> slurm_seconds(std::string_view time);

}  // namespace symphony
