// Reading a sweep's runs through its plan.
#include "core/app/sweep_runs.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/log/run_reader.hpp"
#include "core/log/status_file.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

std::string state_of(const fs::path& folder) {
  if (!fs::exists(folder / "status.json")) return "not started";
  const RunStatus status = read_status(folder / "status.json");
  return status.state + (status.message.empty() ? "" : ": " + status.message);
}

}  // namespace

std::optional<double> FinishedRun::value(const std::string& subject, const std::string& moment, const std::string& task, const std::string& metric) const {
  for (const EvaluationRow& row : rows)
    if (row.subject == subject && row.moment == moment && row.task == task && row.metric == metric) return row.value;
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

std::unique_ptr<SweepRuns> read_sweep(const fs::path& folder) {
  const fs::path plan_file = folder / "plan.json";
  if (!fs::exists(plan_file)) fail<DataError>(folder.string(), "no plan.json here; expected results/<experiment>, the folder of a sweep that was run");
  auto sweep = std::make_unique<SweepRuns>();
  sweep->plan = read_plan(plan_file);
  for (const SweepPoint& point : sweep->plan.points) {
    const fs::path run = folder / point.run_id;
    const std::string state = state_of(run);
    if (state != "finished") {
      sweep->unfinished.push_back(point.run_id + ": " + state);
      continue;
    }
    sweep->runs.push_back({&point, run / "run.h5", RunReader(run / "run.h5").evaluation()});
  }
  return sweep;
}

std::vector<std::vector<double>> window_values(const FinishedRun& run, const std::string& moment) {
  const RunReader reader(run.file);
  const std::string group = "evaluation/" + moment + "/bits_per_byte/";
  const auto shape = reader.shape(group + "window_bits_per_byte");
  const auto values = reader.values(group + "window_bits_per_byte");
  const auto in_domain = reader.values(group + "in_domain");
  std::vector<std::vector<double>> result;
  for (std::size_t domain = 0; domain < shape.at(0); ++domain) {
    if (in_domain.at(domain) == 0.0) continue;
    std::vector<double> windows;
    for (std::size_t window = 0; window < shape.at(1); ++window) {
      const double value = values[domain * shape[1] + window];
      if (!std::isnan(value)) windows.push_back(value);  // domains have different numbers of windows; the rest is padding
    }
    result.push_back(std::move(windows));
  }
  return result;
}

}  // namespace symphony
