// status.json beside run.h5: what a run is doing, for `runner status` and other processes; replaced by atomic rename, never edited.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace symphony {

struct RunStatus {
  std::string state = "running";  ///< running, finished, failed, interrupted
  std::string run_id;
  std::string stage;
  std::string message;
  std::string heartbeat;          ///< ISO 8601, UTC; write_status fills it when empty
  std::int64_t pid = 0;           ///< 0: this process
  std::string host;               ///< "": this host
  std::int64_t peak_memory_bytes = 0;  ///< largest anonymous memory of the process so far
  std::string stages;             ///< of a finished run: a hash of the stages whose results its log holds
};

/// Throws DataError when it cannot be written.
void write_status(const std::filesystem::path& path, RunStatus status);
/// Throws DataError when the file is missing or not a status.
RunStatus read_status(const std::filesystem::path& path);

}  // namespace symphony
