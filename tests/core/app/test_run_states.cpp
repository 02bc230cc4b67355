// What runs are doing: told from their files, and from whether their worker still holds the lock.
#include <catch2/catch.hpp>

#include "core/app/run_states.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/log/status_file.hpp"
#include "core/sweep/job_status.hpp"
#include "tests/core/app/sweep_folder.hpp"

using namespace symphony;
using Catch::Contains;

namespace {

/// Makes a run say that it is in this state.
void set_state(const SweepFolder& folder, const std::string& run_id, const std::string& state, const std::string& host = host_name(),
               const std::string& heartbeat = "") {
  std::filesystem::create_directories(folder.path() / run_id);
  RunStatus status;
  status.run_id = run_id, status.state = state, status.stage = "phase 'post'", status.host = host, status.heartbeat = heartbeat;
  status.message = state == "failed" ? "fusion.slerp: opposite" : "";
  status.pid = 4711;
  write_status(folder.path() / run_id / "status.json", status);
}

}  // namespace

TEST_CASE("states: a run is what its status says, pending without one", "[core][app]") {
  SweepFolder folder;
  folder.add("", "a", 1, {});
  folder.add_pending("b", 1);
  folder.add_pending("c", 1);
  set_state(folder, "c.s1", "failed");
  CHECK(run_state(folder.path(), "a.s1").state == "finished");
  CHECK(run_state(folder.path(), "b.s1").state == "pending");
  CHECK(run_state(folder.path(), "c.s1").message == "fusion.slerp: opposite");
}

TEST_CASE("states: a run runs while its lock is held, and has died when nobody holds it", "[core][app]") {
  SweepFolder folder;
  folder.add_pending("a", 1);
  set_state(folder, "a.s1", "running");
  {
    const auto lock = FileLock::acquire(folder.path() / "a.s1" / ".lock");
    const RunState state = run_state(folder.path(), "a.s1");
    CHECK(state.state == "running");
    CHECK(state.stage == "phase 'post'");
    CHECK(state.heartbeat_age.value() >= 0.0);
  }
  const RunState state = run_state(folder.path(), "a.s1");
  CHECK(state.state == "died");
  CHECK(state.message == "process 4711 is gone; the same command goes on");
}

TEST_CASE("states: on another machine the heartbeat decides", "[core][app]") {
  SweepFolder folder;
  folder.add_pending("a", 1);
  folder.add_pending("b", 1);
  set_state(folder, "a.s1", "running", "elsewhere");
  set_state(folder, "b.s1", "running", "elsewhere", "2001-02-03T04:05:06Z");
  CHECK(run_state(folder.path(), "a.s1").state == "running");
  const RunState state = run_state(folder.path(), "b.s1");
  CHECK(state.state == "died");
  CHECK_THAT(state.message, Contains("nothing was heard from process 4711 on elsewhere"));
}

TEST_CASE("states: the worker's own report says how far a run is", "[core][app]") {
  SweepFolder folder;
  folder.add_pending("a", 1);
  set_state(folder, "a.s1", "running");
  JobStatus job = own_job_status("a.s1");
  job.stage = "phase 'post'", job.share = 0.43, job.detail = "loss 2.31", job.pid = 4711;
  write_job_status(folder.path() / ".jobs" / "a.s1", job);
  const auto lock = FileLock::acquire(folder.path() / "a.s1" / ".lock");
  CHECK(run_state(folder.path(), "a.s1").stage == "phase 'post', 43 %");
  CHECK(run_state(folder.path(), "a.s1").message == "loss 2.31");

  folder.add_pending("b", 1);
  set_state(folder, "b.s1", "running");
  job.pid = 1;  // of an earlier attempt
  write_job_status(folder.path() / ".jobs" / "b.s1", job);
  CHECK(run_state(folder.path(), "b.s1").stage == "phase 'post'");
}

TEST_CASE("states: runs that the plan no longer has are told apart and counted", "[core][app]") {
  SweepFolder folder;
  folder.add("", "a", 1, {});
  folder.add_pending("b", 1);
  set_state(folder, "old.s1", "finished");
  const auto states = run_states(folder.plan(), folder.path());
  REQUIRE(states.size() == 3);
  CHECK(states[2].run_id == "old.s1");
  CHECK(states[2].state == "not in the plan");
  CHECK(states[2].message == "finished");
  CHECK(count_states(states) == "2 runs: 1 finished, 1 pending; 1 more is not in the plan");
}

TEST_CASE("states: a shared stage at work is listed, a dead worker's too", "[core][app]") {
  SweepFolder folder;
  folder.add_pending("a", 1);
  Plan plan = folder.plan();
  plan.stages.push_back({"source", "k1", "training code", {}, {}});
  plan.items.push_back({PlanItem::Kind::stage, 0, 0, {}, 0});
  CHECK(stage_states(plan).empty());
  JobStatus job = own_job_status("training code");
  job.stage = "training code", job.share = 0.5;
  write_job_status(job_folder(plan, plan.items.back()), job);
  const auto lock_file = cache_folder(plan) / "source" / "k1.lock";
  std::filesystem::create_directories(lock_file.parent_path());
  {
    const auto lock = FileLock::acquire(lock_file);
    REQUIRE(stage_states(plan).size() == 1);
    CHECK(stage_states(plan).front().state == "running");
    CHECK(stage_states(plan).front().stage == "training code, 50 %");
  }
  CHECK(stage_states(plan).front().state == "died");
}
