// A worker's files, as others read them.
#include <catch2/catch.hpp>

#include <chrono>
#include <thread>

#include <unistd.h>

#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/sweep/job_reporter.hpp"
#include "tests/core/base/scratch_directory.hpp"

using namespace symphony;

namespace {

/// Polls for up to a minute.
template <typename Holds>
bool comes_about(Holds holds) {
  for (int round = 0; round < 1200; ++round) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

}  // namespace

TEST_CASE("job: what the worker is at appears without its doing", "[core][sweep]") {
  const ScratchDirectory scratch;
  JobReporter reporter(scratch / "job", "training code");
  const auto first = read_job_status(scratch / "job", ::getpid());
  REQUIRE(first);
  CHECK(first->label == "training code");
  CHECK(first->host == host_name());
  reporter.progress("stage", 0.25, "loss 2");
  CHECK(comes_about([&] { return read_job_status(scratch / "job", ::getpid())->share == 0.25; }));
  CHECK(read_job_status(scratch / "job", ::getpid())->peak_memory_bytes > 1 << 20);
  reporter.finish("failed", "no reason");
  CHECK(read_job_status(scratch / "job", ::getpid())->state == "failed");
}

TEST_CASE("job: a run's status is kept fresh until it ends", "[core][sweep]") {
  const ScratchDirectory scratch;
  JobReporter reporter(scratch / "job", "run");
  RunStatus status;
  status.run_id = "r";
  reporter.keep_status(scratch / "status.json", status);
  reporter.progress("evaluation", 0.5, "");
  CHECK(comes_about([&] { return read_status(scratch / "status.json").stage == "evaluation"; }));
  reporter.end_status("finished", "", "abc");
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));  // a heartbeat must not bring the old state back
  const RunStatus last = read_status(scratch / "status.json");
  CHECK(last.state == "finished");
  CHECK(last.stages == "abc");
  CHECK(last.run_id == "r");
}

TEST_CASE("job: files of processes that have ended by their own word are cleared, wherever they ran", "[core][sweep]") {
  const ScratchDirectory scratch;
  JobStatus elsewhere;
  elsewhere.host = "another-host";
  elsewhere.state = "failed";
  write_job_status(scratch / "job", elsewhere);
  clear_job_statuses(scratch / "job");
  CHECK(read_job_statuses(scratch / "job").empty());
}

TEST_CASE("job: files of processes that live no more are cleared, others stay", "[core][sweep]") {
  const ScratchDirectory scratch;
  JobStatus dead, alive, elsewhere;
  dead.host = alive.host = host_name();
  elsewhere.host = "another-host";
  dead.pid = elsewhere.pid = 999999999;  // beyond the kernel's largest
  alive.pid = ::getpid();
  for (const JobStatus& status : {dead, alive, elsewhere}) write_job_status(scratch / "job", status);
  CHECK(read_job_statuses(scratch / "job").size() == 3);
  clear_job_statuses(scratch / "job");
  std::vector<std::int64_t> left;
  for (const JobStatus& status : read_job_statuses(scratch / "job")) left.push_back(status.pid);
  std::sort(left.begin(), left.end());
  CHECK(left == std::vector<std::int64_t>{::getpid(), 999999999});
}

TEST_CASE("job: what another coordinator has still to read stays until that has ended", "[core][sweep]") {
  const ScratchDirectory scratch;
  JobStatus own, awaited, forsaken;
  own.state = awaited.state = forsaken.state = "done";
  own.host = awaited.host = forsaken.host = host_name();
  own.pid = 1, awaited.pid = 2, forsaken.pid = 3;
  own.parent = ::getpid();
  awaited.parent = ::getppid();
  forsaken.parent = 999999999;
  for (const JobStatus& status : {own, awaited, forsaken}) write_job_status(scratch / "job", status);
  clear_job_statuses(scratch / "job");
  const auto left = read_job_statuses(scratch / "job");
  REQUIRE(left.size() == 1);
  CHECK(left.front().pid == 2);
}
