// Reading a sweep's runs through its plan.
#include "core/app/sweep_runs.hpp"

#include <algorithm>

#include "core/app/run_states.hpp"
#include "core/base/error.hpp"
#include "core/log/run_reader.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

}  // namespace

std::string MetricChoice::name() const { return task == kInDomain || task == kMeanOverLayers ? metric : task + "/" + metric; }

std::optional<double> FinishedRun::value(const std::string& subject, const std::string& moment, const std::string& task, const std::string& metric) const {
  for (const EvaluationRow& row : rows)
    if (row.task == task && row.metric == metric && row.moment == moment && row.subject == subject) return row.value;
  return std::nullopt;
}

std::vector<std::string> FinishedRun::moments() const {
  std::vector<std::string> names;
  for (const EvaluationRow& row : rows)
    if (row.subject == "model") add_once(names, row.moment);
  return names;
}

std::vector<const FinishedRun*> SweepRuns::of(const std::string& block, const std::string& variant) const {
  std::vector<const FinishedRun*> result;
  for (const FinishedRun& run : runs)
    if (run.point->block == block && run.point->variant == variant) result.push_back(&run);
  return result;
}

std::vector<std::string> SweepRuns::blocks() const {
  std::vector<std::string> names;
  for (const SweepPoint& point : plan.points) add_once(names, point.block);
  return names;
}

std::vector<std::string> SweepRuns::variants(const std::string& block) const {
  std::vector<std::string> names;
  for (const SweepPoint& point : plan.points)
    if (point.block == block) add_once(names, point.variant);
  return names;
}

std::vector<MetricChoice> SweepRuns::metrics() const {
  std::vector<MetricChoice> choices;
  std::vector<std::string> names;
  for (const FinishedRun& run : runs)
    for (const EvaluationRow& row : run.rows) {
      if (row.subject != "model") continue;
      const MetricChoice choice{row.task, row.metric, row.suite, row.better};
      if (std::find(names.begin(), names.end(), choice.name()) != names.end()) continue;
      names.push_back(choice.name());
      choices.push_back(choice);
    }
  // An average comes first among its kind, so that the first of all can lead a table.
  std::stable_sort(choices.begin(), choices.end(), [](const MetricChoice& a, const MetricChoice& b) {
    const auto rank = [](const MetricChoice& choice) { return (choice.better == "neither" ? 2 : 0) + (choice.name() == choice.metric ? 0 : 1); };
    return rank(a) < rank(b);
  });
  return choices;
}

Plan plan_of_sweep(const fs::path& folder) {
  const fs::path file = folder / "plan.json";
  if (!fs::exists(file)) fail<DataError>(folder.string(), "no plan.json here; expected results/<experiment>, the folder of a sweep that was run");
  return read_plan(file);
}

std::unique_ptr<SweepRuns> read_sweep(const fs::path& folder) {
  auto sweep = std::make_unique<SweepRuns>();
  sweep->plan = plan_of_sweep(folder);
  for (const SweepPoint& point : sweep->plan.points) {
    const RunState state = run_state(folder, point.run_id);
    if (state.state == "finished") sweep->runs.push_back({&point, folder / point.run_id / "run.h5", RunReader(folder / point.run_id / "run.h5").evaluation()});
    else sweep->unfinished.push_back(point.run_id + ": " + state.state + (state.message.empty() ? "" : ": " + state.message));
  }
  return sweep;
}

}  // namespace symphony
