// Scheduling of a plan's items over worker processes.
#include "core/sweep/launcher.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>
#include <set>

#include <unistd.h>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/log/status_file.hpp"
#include "core/sweep/job_status.hpp"
#include "core/sweep/live_view.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

enum class State { waiting, running, done, failed };

class Launcher {
 public:
  Launcher(const Plan& plan, const std::vector<bool>& already_done, const LaunchOptions& options)
      : plan_(plan), options_(options), states_(plan.items.size(), State::waiting),
        view_(static_cast<std::size_t>(std::count(already_done.begin(), already_done.end(), false)), options.quiet) {
    for (std::size_t item = 0; item < states_.size(); ++item)
      if (already_done[item]) finish(item);
  }

  LaunchResult run(const std::function<bool()>& stop_requested) {
    while (true) {
      if (stop_requested() && !result_.interrupted) stop_all();
      const bool may_start = !result_.interrupted && !(options_.stop_on_error && !result_.failures.empty());
      if (may_start) start_ready();
      if (running_.empty()) break;
      reap();
      for (const auto& [item, child] : running_)
        if (const auto status = read_job_status(job_folder_of(item), child->pid())) view_.update(item, *status);
      view_.tick();
    }
    return std::move(result_);
  }

 private:
  fs::path job_folder_of(std::size_t item) const { return job_folder(plan_, plan_.items[item]); }

  /// A run's console stays with the run; a shared stage's is only of interest while the sweep runs.
  fs::path console_of(std::size_t item) const {
    const PlanItem& what = plan_.items[item];
    return (what.kind == PlanItem::Kind::run ? run_folder(plan_, plan_.points[what.point]) : job_folder_of(item)) / "console.txt";
  }

  void stop_all() {
    result_.interrupted = true;
    view_.say("stopping: the running jobs save what they have");
    for (auto& [item, child] : running_) {
      child->send(SIGTERM);
      child->send(SIGCONT);  // a suspended job must wake up to hear of it
    }
  }

  bool ready(const PlanItem& item) const {
    return std::all_of(item.after.begin(), item.after.end(), [this](std::size_t needed) { return states_[needed] == State::done; });
  }

  std::uint64_t memory_in_use() const {
    std::uint64_t sum = 0;
    for (const auto& [item, child] : running_) sum += plan_.items[item].peak_memory_bytes;
    return sum;
  }

  /// Whether the item fits beside the running ones; one that is too large for the budget runs alone.
  bool fits(std::size_t item) {
    const std::uint64_t needed = plan_.items[item].peak_memory_bytes;
    const bool enough = options_.memory_bytes == 0 || running_.empty() || memory_in_use() + needed <= options_.memory_bytes;
    if (!enough && held_back_.insert(item).second)
      view_.say(fmt::format("held back until others end: {} needs about {} of {}", plan_.label(plan_.items[item]), human_bytes(needed), human_bytes(options_.memory_bytes)));
    return enough;
  }

  void start_ready() {
    for (std::size_t item = 0; item < states_.size() && running_.size() < options_.jobs; ++item)
      if (states_[item] == State::waiting && ready(plan_.items[item]) && fits(item)) start(item);
  }

  void start(std::size_t item) {
    clear_job_statuses(job_folder_of(item));
    SpawnOptions spawn;
    spawn.output = console_of(item);
    fs::create_directories(spawn.output.parent_path());
    running_[item] = std::make_unique<Child>(Child::spawn({options_.runner.string(), "--plan", options_.plan_file.string(), "--index", std::to_string(item),
                                                           "--parent", std::to_string(::getpid())}, spawn));
    states_[item] = State::running;
    view_.started(item, plan_.label(plan_.items[item]));
  }

  void reap() {
    std::vector<Child*> children;
    std::vector<std::size_t> items;
    for (const auto& [item, child] : running_) children.push_back(child.get()), items.push_back(item);
    constexpr double kPollSeconds = 0.25;
    const auto ended = wait_any(children, kPollSeconds);
    if (!ended) return;
    const std::size_t item = items[*ended];
    const auto child = std::move(running_.at(item));
    running_.erase(item);
    settle(item, child->wait(), read_job_status(job_folder_of(item), child->pid()));
  }

  void settle(std::size_t item, const ExitState& exit, const std::optional<JobStatus>& status) {
    if (status) {
      result_.stages_executed += status->executed;
      result_.stages_cached += status->cached;
    }
    const bool stopped = (status && status->state == "interrupted") || (result_.interrupted && exit.signal == SIGTERM);
    if (exit.ok()) {
      view_.ended(item, "done");
      clear_job_statuses(job_folder_of(item));
      finish(item);
    } else if (stopped) {
      states_[item] = State::failed;
      view_.ended(item, "stopped");
    } else if (status && status->state == "failed") {
      fail_item(item, status->message);
    } else {
      fail_crashed(item, exit, status);
    }
  }

  /// A worker that could not say what happened: its run's status is written in its stead.
  void fail_crashed(std::size_t item, const ExitState& exit, const std::optional<JobStatus>& status) {
    std::string message = fmt::format("the worker ended with {}", exit.text());
    if (status && !status->stage.empty()) message += fmt::format(" at {}", status->stage);
    if (exit.signal == SIGKILL && status)
      message += fmt::format("; if nobody killed it, the machine ran out of memory (it had used {})", human_bytes(static_cast<std::uint64_t>(status->peak_memory_bytes)));
    message += fmt::format("; its console is {}", console_of(item).string());
    const PlanItem& what = plan_.items[item];
    const fs::path status_file = run_folder(plan_, plan_.points[what.point]) / "status.json";
    if (what.kind == PlanItem::Kind::run && fs::exists(status_file)) {
      RunStatus last = read_status(status_file);
      last.state = "failed";
      last.message = message;
      write_status(status_file, last);
    }
    fail_item(item, message);
  }

  void finish(std::size_t item) {
    states_[item] = State::done;
    if (plan_.items[item].kind == PlanItem::Kind::run) ++result_.runs_finished;
  }

  void fail_item(std::size_t item, const std::string& message) {
    states_[item] = State::failed;
    result_.failures.push_back({plan_.label(plan_.items[item]), message});
    view_.ended(item, "failed");
    view_.say(fmt::format("  {}", message));
    give_up_on_dependents(item);
  }

  void give_up_on_dependents(std::size_t item) {
    for (std::size_t other = 0; other < states_.size(); ++other) {
      const auto& after = plan_.items[other].after;
      const bool needs_it = std::find(after.begin(), after.end(), item) != after.end();
      if (states_[other] != State::waiting || !needs_it) continue;
      states_[other] = State::failed;
      result_.not_started.push_back(plan_.label(plan_.items[other]));
      give_up_on_dependents(other);
    }
  }

  const Plan& plan_;
  const LaunchOptions& options_;
  std::vector<State> states_;
  std::map<std::size_t, std::unique_ptr<Child>> running_;
  std::set<std::size_t> held_back_;   ///< items of which it was said
  LiveView view_;
  LaunchResult result_;
};

}  // namespace

LaunchResult launch(const Plan& plan, const std::vector<bool>& already_done, const LaunchOptions& options, const std::function<bool()>& stop_requested) {
  return Launcher(plan, already_done, options).run(stop_requested);
}

}  // namespace symphony
