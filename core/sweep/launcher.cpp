// Scheduling of a plan's items over worker processes.
#include "core/sweep/launcher.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <memory>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"
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
    bool asked_to_stop = false;
    while (true) {
      if (stop_requested() && !asked_to_stop) {
        asked_to_stop = result_.interrupted = true;
        view_.say("stopping: the running jobs save what they have");
        for (auto& [item, child] : running_) {
          child->send(SIGTERM);
          child->send(SIGCONT);  // a suspended job must wake up to hear of it
        }
      }
      const bool may_start = !asked_to_stop && !(options_.stop_on_error && !result_.failures.empty());
      if (may_start) start_ready();
      if (running_.empty()) break;
      reap();
      for (const auto& [item, child] : running_)
        if (const auto status = read_job_status(job_folder(plan_, plan_.items[item]))) view_.update(item, *status);
      view_.tick();
    }
    return std::move(result_);
  }

 private:
  bool ready(const PlanItem& item) const {
    return std::all_of(item.after.begin(), item.after.end(), [this](std::size_t needed) { return states_[needed] == State::done; });
  }

  void start_ready() {
    for (std::size_t item = 0; item < states_.size() && running_.size() < options_.jobs; ++item)
      if (states_[item] == State::waiting && ready(plan_.items[item])) start(item);
  }

  void start(std::size_t item) {
    const fs::path folder = job_folder(plan_, plan_.items[item]);
    fs::create_directories(folder);
    remove_job_status(folder);
    const PlanItem& what = plan_.items[item];
    SpawnOptions spawn;
    // A run's console stays with the run; a shared stage's is only of interest while the sweep runs.
    spawn.output = what.kind == PlanItem::Kind::run ? run_folder(plan_, plan_.points[what.point]) / "console.txt" : folder / "console.txt";
    fs::create_directories(spawn.output.parent_path());
    running_[item] = std::make_unique<Child>(Child::spawn({options_.runner.string(), "--plan", options_.plan_file.string(), "--index", std::to_string(item)}, spawn));
    states_[item] = State::running;
    view_.started(item, what.label);
  }

  void reap() {
    std::vector<Child*> children;
    std::vector<std::size_t> items;
    for (const auto& [item, child] : running_) children.push_back(child.get()), items.push_back(item);
    constexpr double kPollSeconds = 0.25;
    const auto ended = wait_any(children, kPollSeconds);
    if (!ended) return;
    const std::size_t item = items[*ended];
    const ExitState exit = running_.at(item)->wait();
    running_.erase(item);
    settle(item, exit);
  }

  void settle(std::size_t item, const ExitState& exit) {
    const auto status = read_job_status(job_folder(plan_, plan_.items[item]));
    if (status) {
      result_.stages_executed += status->executed;
      result_.stages_cached += status->cached;
    }
    if (exit.ok()) {
      view_.ended(item, "done");
      finish(item);
    } else if (status && status->state == "interrupted") {
      states_[item] = State::failed;
      view_.ended(item, "stopped");
    } else {
      const bool told = status && status->state == "failed";
      fail_item(item, told ? status->message : fmt::format("the worker ended with {}; its console is {}", exit.text(), console_of(item).string()));
    }
  }

  fs::path console_of(std::size_t item) const {
    const PlanItem& what = plan_.items[item];
    return what.kind == PlanItem::Kind::run ? run_folder(plan_, plan_.points[what.point]) / "console.txt" : job_folder(plan_, plan_.items[item]) / "console.txt";
  }

  void finish(std::size_t item) {
    states_[item] = State::done;
    if (plan_.items[item].kind == PlanItem::Kind::run) ++result_.runs_finished;
  }

  void fail_item(std::size_t item, const std::string& message) {
    states_[item] = State::failed;
    result_.failures.push_back({plan_.items[item].label, message});
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
      result_.not_started.push_back(plan_.items[other].label);
      give_up_on_dependents(other);
    }
  }

  const Plan& plan_;
  const LaunchOptions& options_;
  std::vector<State> states_;
  std::map<std::size_t, std::unique_ptr<Child>> running_;
  LiveView view_;
  LaunchResult result_;
};

}  // namespace

LaunchResult launch(const Plan& plan, const std::vector<bool>& already_done, const LaunchOptions& options, const std::function<bool()>& stop_requested) {
  return Launcher(plan, already_done, options).run(stop_requested);
}

}  // namespace symphony
