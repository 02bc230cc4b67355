// What a worker is doing, as a small file that it replaces about once a second: the coordinator's live view and `runner status` read it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/base/schema.hpp"

namespace symphony {

struct JobStatus {
  std::string state = "running";   ///< running, done, failed, interrupted
  std::string label;               ///< of the item
  std::string stage;               ///< what it is at
  double share = 0.0;              ///< of that stage, in [0, 1]
  std::string detail;              ///< "loss 2.31, 34.1k tokens/s, ETA 12 s"
  std::string message;             ///< of a failure
  std::int64_t executed = 0;       ///< stages computed by this job
  std::int64_t cached = 0;         ///< stages found
  std::int64_t pid = 0;
  std::string host;                ///< where it runs
  std::string slurm_job;           ///< "4711_3" under Slurm: what scancel and squeue take
  static void describe(Schema& s);
};

/// Of an item that this process begins: its process, host and Slurm task.
JobStatus own_job_status(std::string label);
void write_job_status(const std::filesystem::path& folder, const JobStatus& status);
/// None when there is no such file yet.
std::optional<JobStatus> read_job_status(const std::filesystem::path& folder);
/// Forgets an earlier attempt.
void remove_job_status(const std::filesystem::path& folder);

}  // namespace symphony
