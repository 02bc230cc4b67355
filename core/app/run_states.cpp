// Reading states and telling the living from the dead.
#include "core/app/run_states.hpp"

#include <algorithm>
#include <ctime>
#include <set>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/log/status_file.hpp"
#include "core/sweep/job_status.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

constexpr const char* kNotInPlan = "not in the plan";
/// Workers renew their heartbeat every few seconds; a machine that cannot be asked is given this long.
constexpr double kStaleSeconds = 600.0;

/// Seconds since an ISO 8601 time in UTC; none for other text.
std::optional<double> age_of(const std::string& time) {
  std::tm parts{};
  if (!strptime(time.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts)) return std::nullopt;
  return std::max(0.0, std::difftime(std::time(nullptr), timegm(&parts)));
}

/// Why what says it is running is not; "" when it is.
std::string cause_of_death(const std::string& host, std::int64_t pid, const fs::path& lock, std::optional<double> heartbeat_age) {
  if (host == host_name()) return FileLock::is_held(lock) ? "" : fmt::format("process {} is gone", pid);
  if (!heartbeat_age || *heartbeat_age > kStaleSeconds) return fmt::format("nothing was heard from process {} on {}", pid, host);
  return "";
}

/// Turns a running state into a dead one where its worker is no more.
void check_alive(RunState& state, const std::string& host, std::int64_t pid, const fs::path& lock) {
  const std::string death = cause_of_death(host, pid, lock, state.heartbeat_age);
  if (death.empty()) return;
  state.state = "died";
  state.message = death + "; the same command goes on";
}

std::string progress_text(const JobStatus& job) {
  return job.share > 0.0 ? fmt::format("{}, {:.0f} %", job.stage, 100.0 * job.share) : job.stage;
}

}  // namespace

RunState run_state(const fs::path& folder, const std::string& run_id) {
  RunState state;
  state.run_id = run_id;
  const fs::path run = folder / run_id;
  if (!fs::exists(run / "status.json")) return state;
  const RunStatus status = read_status(run / "status.json");
  state.state = status.state;
  state.message = status.message;
  if (status.state != "running") return state;
  state.stage = status.stage;
  state.heartbeat_age = age_of(status.heartbeat);
  for (const JobStatus& job : read_job_statuses(folder / ".jobs" / run_id)) {
    if (job.pid != status.pid || job.host != status.host || job.stage.empty()) continue;
    state.stage = progress_text(job);
    state.message = job.detail;
  }
  check_alive(state, status.host, status.pid, run / ".lock");
  return state;
}

std::vector<RunState> stage_states(const Plan& plan) {
  std::vector<RunState> states;
  for (const PlanItem& item : plan.items) {
    if (item.kind != PlanItem::Kind::stage) continue;
    const auto jobs = read_job_statuses(job_folder(plan, item));
    if (jobs.empty() || jobs.front().state != "running") continue;  // the newest tells how the stage stands
    const JobStatus& job = jobs.front();
    const PlanStage& stage = plan.stages.at(item.stage);
    RunState state{job.label, "running", progress_text(job), job.detail, age_of(job.heartbeat)};
    check_alive(state, job.host, job.pid, cache_folder(plan) / stage.name / (stage.key + ".lock"));
    states.push_back(std::move(state));
  }
  return states;
}

std::vector<std::string> runs_not_in_plan(const Plan& plan, const fs::path& folder) {
  std::set<std::string> planned, others;
  for (const SweepPoint& point : plan.points) planned.insert(point.run_id);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!planned.contains(name) && fs::exists(entry.path() / "status.json")) others.insert(name);
  }
  return {others.begin(), others.end()};
}

std::vector<RunState> run_states(const Plan& plan, const fs::path& folder) {
  std::vector<RunState> states;
  for (const SweepPoint& point : plan.points) states.push_back(run_state(folder, point.run_id));
  for (const std::string& name : runs_not_in_plan(plan, folder)) {
    RunState state = run_state(folder, name);
    state.message = state.state + (state.message.empty() ? "" : ": " + state.message);
    state.state = kNotInPlan;
    states.push_back(std::move(state));
  }
  return states;
}

std::string count_states(const std::vector<RunState>& states) {
  std::string text;
  const auto count = [&states](const char* name) {
    return std::count_if(states.begin(), states.end(), [name](const RunState& state) { return state.state == name; });
  };
  for (const char* name : {"finished", "running", "died", "failed", "interrupted", "pending"})
    if (const auto runs = count(name)) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", runs, name);
  const auto others = count(kNotInPlan);
  const auto planned = static_cast<std::ptrdiff_t>(states.size()) - others;
  text = fmt::format("{} run{}: {}", planned, planned == 1 ? "" : "s", text);
  if (others) text += fmt::format("; {} more {} not in the plan", others, others == 1 ? "is" : "are");
  return text;
}

}  // namespace symphony
