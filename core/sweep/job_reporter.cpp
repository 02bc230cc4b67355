// The heart of a worker.
#include "core/sweep/job_reporter.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>

#include "core/base/process.hpp"

namespace symphony {

namespace {

constexpr auto kSampleInterval = std::chrono::milliseconds(5);  // of memory: short peaks count
constexpr int kSamplesPerWrite = 200;

}  // namespace

JobReporter::JobReporter(std::filesystem::path folder, std::string label) : folder_(std::move(folder)), job_(own_job_status(std::move(label))) {
  write();
  // Signals are for the thread that works: the new one inherits a mask that blocks them all.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  heart_ = std::thread([this] { beat(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

JobReporter::~JobReporter() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  heart_.join();
}

void JobReporter::beat() {
  std::unique_lock lock(mutex_);
  for (int sample = 1; !wake_.wait_for(lock, kSampleInterval, [this] { return ended_; }); ++sample) {
    job_.peak_memory_bytes = std::max(job_.peak_memory_bytes, static_cast<std::int64_t>(own_anonymous_bytes()));
    if (sample % kSamplesPerWrite != 0) continue;
    try {
      write();
    } catch (const std::exception&) {
      // A full disk: the work itself will meet it and say so.
    }
  }
}

void JobReporter::write() {
  write_job_status(folder_, job_);
  if (!run_) return;
  run_->stage = job_.stage;
  run_->peak_memory_bytes = job_.peak_memory_bytes;
  write_status(status_path_, *run_);
}

void JobReporter::progress(const std::string& stage, double share, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  job_.stage = stage;
  job_.share = share;
  job_.detail = detail;
}

void JobReporter::count(const StageOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  ++(outcome.executed ? job_.executed : job_.cached);
}

void JobReporter::keep_status(std::filesystem::path path, RunStatus status) {
  const std::lock_guard lock(mutex_);
  status_path_ = std::move(path);
  run_ = std::move(status);
  write();
}

void JobReporter::end_status(const std::string& state, const std::string& message, const std::string& stages) {
  const std::lock_guard lock(mutex_);
  RunStatus last = *run_;
  run_.reset();
  last.state = state;
  last.stage.clear();
  last.message = message;
  last.stages = stages;
  last.peak_memory_bytes = job_.peak_memory_bytes;
  write_status(status_path_, last);
}

void JobReporter::finish(const std::string& state, const std::string& message) {
  const std::lock_guard lock(mutex_);
  job_.state = state;
  job_.message = message;
  job_.peak_memory_bytes = std::max(job_.peak_memory_bytes, static_cast<std::int64_t>(own_anonymous_bytes()));
  write_job_status(folder_, job_);
}

}  // namespace symphony
