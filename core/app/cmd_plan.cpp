// runner plan: the runs of an experiment and its stage graph, shared stages first, with what is cached and what it takes. Touches no model.
#include <algorithm>
#include <iostream>

#include "core/app/command.hpp"
#include "core/app/experiment_options.hpp"
#include "core/base/table.hpp"
#include "core/base/text.hpp"
#include "core/pipeline/stage_cache.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

/// The stages of one name.
struct StageKind {
  std::string name;
  std::size_t distinct = 0, cached = 0, uses = 0;
  std::uint64_t kept_bytes = 0, peak_memory_bytes = 0;   ///< of those that are not cached
};

std::vector<bool> committed_stages(const Plan& plan) {
  std::vector<bool> committed;
  for (const PlanStage& stage : plan.stages) committed.push_back(StageCache::is_committed(cache_folder(plan) / stage.name / stage.key));
  return committed;
}

Table runs_table(const Plan& plan, const std::vector<bool>& committed) {
  Table table({"run", "block", "variant", "seed", "stages", "cached", "peak memory"});
  for (const SweepPoint& point : plan.points) {
    std::uint64_t peak = 0;
    for (const std::size_t stage : point.stages) peak = std::max(peak, plan.stages[stage].cost.peak_memory_bytes);
    const auto cached = std::count_if(point.stages.begin(), point.stages.end(), [&](std::size_t stage) { return committed[stage]; });
    table.add_row({point.run_id, point.block, point.variant, std::to_string(point.seed), std::to_string(point.stages.size()), std::to_string(cached), human_bytes(peak)});
  }
  return table;
}

std::vector<StageKind> stage_kinds(const Plan& plan, const std::vector<bool>& committed) {
  std::vector<StageKind> kinds;
  std::vector<std::size_t> kind_of;
  for (std::size_t index = 0; index < plan.stages.size(); ++index) {
    const PlanStage& stage = plan.stages[index];
    auto found = std::find_if(kinds.begin(), kinds.end(), [&](const StageKind& kind) { return kind.name == stage.name; });
    if (found == kinds.end()) found = kinds.insert(kinds.end(), StageKind{stage.name});
    kind_of.push_back(static_cast<std::size_t>(found - kinds.begin()));
    ++found->distinct;
    found->cached += committed[index] ? 1 : 0;
    if (committed[index]) continue;
    found->kept_bytes += stage.cost.kept_bytes;
    found->peak_memory_bytes = std::max(found->peak_memory_bytes, stage.cost.peak_memory_bytes);
  }
  for (const SweepPoint& point : plan.points)
    for (const std::size_t stage : point.stages) ++kinds[kind_of[stage]].uses;
  return kinds;
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  po::positional_options_description positional;
  add_experiment_options(options, positional);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  const ExperimentSetting setting = experiment_setting(*values);
  const auto [plan, slurm, notes] = plan_experiment(self, *values, setting, args);
  for (const std::string& line : notes) fmt::print("note: {}\n", line);
  const std::vector<bool> committed = committed_stages(plan);

  Table stages({"stage", "distinct", "cached", "uses by runs", "to keep", "peak memory"});
  std::uint64_t to_keep = 0, to_read = 0;
  for (const StageKind& kind : stage_kinds(plan, committed)) {
    const bool all_cached = kind.cached == kind.distinct;
    stages.add_row({kind.name, std::to_string(kind.distinct), std::to_string(kind.cached), std::to_string(kind.uses), human_bytes(kind.kept_bytes),
                    all_cached ? "" : human_bytes(kind.peak_memory_bytes)});
    to_keep += kind.kept_bytes;
  }
  for (std::size_t index = 0; index < plan.stages.size(); ++index)
    if (!committed[index]) to_read += plan.stages[index].cost.read_bytes;
  fmt::print("{}\n{}\n", runs_table(plan, committed).text(), stages.text());
  fmt::print("{} runs, {} stages of which {} are cached, {} jobs; to read {}, to keep {} (estimated)\n", plan.points.size(), plan.stages.size(),
             std::count(committed.begin(), committed.end(), true), plan.items.size(), human_bytes(to_read), human_bytes(to_keep));
  refuse_problems(plan);
  return 0;
}

}  // namespace

Command make_plan_command() { return {"plan", "--exp FILE [key=value ...]", "show the runs, the shared stages, what is cached and what it takes", run}; }

}  // namespace symphony
