// A worker's voice: keeps its job file and the status.json of its run fresh while the work goes on in another thread, so that a heartbeat means that
// the process lives, whatever the stage is busy with. It also watches how much memory the process uses.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/log/status_file.hpp"
#include "core/pipeline/stage_cache.hpp"
#include "core/sweep/job_status.hpp"

namespace symphony {

class JobReporter {
 public:
  JobReporter(std::filesystem::path folder, std::string label);
  JobReporter(const JobReporter&) = delete;
  JobReporter& operator=(const JobReporter&) = delete;
  ~JobReporter();

  void progress(const std::string& stage, double share, const std::string& detail);
  void count(const StageOutcome& outcome);
  /// From now on `path` is kept fresh too.
  void keep_status(std::filesystem::path path, RunStatus status);
  /// The run's last status, durable.
  void end_status(const std::string& state, const std::string& message, const std::string& stages = "");
  /// The last word: done, failed or interrupted.
  void finish(const std::string& state, const std::string& message);

 private:
  void beat();
  void write();

  std::filesystem::path folder_, status_path_;
  std::mutex mutex_;
  JobStatus job_;
  std::optional<RunStatus> run_;   ///< while it is kept fresh
  std::condition_variable wake_;
  bool ended_ = false;
  std::thread heart_;              ///< last: it uses the others
};

}  // namespace symphony
