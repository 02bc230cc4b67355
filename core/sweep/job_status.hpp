// What a worker is doing, as a small file of its own that it replaces about once a second: the coordinator's live view and `runner status` read
// it. Several processes may be at the same item (another invocation, a Slurm task), so the file is named after the process:
// <experiment>/.jobs/<item>/<host>-<pid>.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/schema.hpp"

namespace symphony {

struct JobStatus {
  std::string state = "running";   ///< running, done, failed, interrupted
  std::string label;               ///< of the item
  std::string stage;               ///< what it is at
  double share = 0.0;              ///< of that stage, in [0, 1]
  std::string detail;              ///< "loss 2.31, 34.1k tokens/s, 12 s left"
  std::string message;             ///< of a failure
  std::int64_t executed = 0;       ///< stages computed by this job
  std::int64_t cached = 0;         ///< stages found
  std::string heartbeat;           ///< ISO 8601, UTC: when the file was written
  std::string host;
  std::int64_t pid = 0;
  std::int64_t parent = 0;             ///< the coordinator that reads this when the process has ended; 0: none does
  std::string slurm_job;               ///< "4711_3" under Slurm: what scancel and squeue take
  std::int64_t peak_memory_bytes = 0;  ///< largest anonymous memory so far
  static void describe(Schema& s);
};

/// Of an item that this process begins: its process, host and Slurm task.
JobStatus own_job_status(std::string label);

/// Writes the file of the process that the status names, with the time as its heartbeat. The folder is made when missing.
void write_job_status(const std::filesystem::path& folder, JobStatus status);
/// Of process `pid` of this host; none when there is no such file yet.
std::optional<JobStatus> read_job_status(const std::filesystem::path& folder, std::int64_t pid);
/// Of every process that left one, the newest heartbeat first.
std::vector<JobStatus> read_job_statuses(const std::filesystem::path& folder);
/// Removes what processes left behind that have ended, by their own word or because they live no more on this host; but not what another coordinator,
/// alive on this host, has still to read.
void clear_job_statuses(const std::filesystem::path& folder);

/// Whether the process that wrote the status may still be there: always for another host.
bool may_be_alive(const std::string& host, std::int64_t pid);

}  // namespace symphony
