// What a running sweep shows: on a terminal one redrawn line a running job and one for the whole; elsewhere plain lines, when a job starts,
// ends or fails and every quarter of a minute in between.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "core/base/stopwatch.hpp"
#include "core/sweep/job_status.hpp"

namespace symphony {

class LiveView {
 public:
  LiveView(std::size_t num_items, bool quiet);
  ~LiveView();
  LiveView(const LiveView&) = delete;
  LiveView& operator=(const LiveView&) = delete;

  void started(std::size_t item, const std::string& label);
  void update(std::size_t item, const JobStatus& status);
  /// `outcome`: "done", "failed: ...", "cached".
  void ended(std::size_t item, const std::string& outcome);
  /// Redraws, or prints plain lines when it is time.
  void tick();
  /// A line that stays.
  void say(const std::string& line);

 private:
  void erase();
  /// What is known of a running job.
  struct Job {
    JobStatus status;
    Stopwatch since_start;
    Stopwatch since_stage;        ///< since the job was first seen at its present stage,
    double share_at_first = 0.0;  ///< which was then so far: a resumed one does not begin at 0
  };
  std::string job_line(const Job& job) const;
  std::string overall_line() const;

  std::size_t num_items_, done_ = 0;
  bool quiet_, terminal_;
  std::size_t drawn_lines_ = 0;
  std::map<std::size_t, Job> running_;
  Stopwatch whole_, since_lines_;
};

}  // namespace symphony
