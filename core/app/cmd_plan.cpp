// runner plan: the runs of an experiment and its stage graph, shared stages first, with what is cached. Touches no model.
#include <iostream>
#include <map>

#include "core/app/command.hpp"
#include "core/app/experiment_options.hpp"
#include "core/base/table.hpp"
#include "core/pipeline/stage_cache.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

struct StageCount {
  std::size_t stages = 0, cached = 0, uses = 0;
};

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  po::positional_options_description positional;
  add_experiment_options(options, positional);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  LoadedExperiment loaded = load_experiment(self, *values);
  for (const std::string& line : notes_on(loaded.sweep)) fmt::print("note: {}\n", line);
  const Plan plan = plan_of(loaded, args);
  const StageCache cache(cache_folder(plan));

  Table runs({"run", "block", "variant", "seed", "stages", "cached"});
  std::map<std::string, StageCount> kinds;
  std::map<std::string, bool> seen;
  std::vector<std::string> kind_order;
  for (const SweepPoint& point : plan.points) {
    const RunPipeline pipeline = build_pipeline(point_experiment(point, loaded.registry), loaded.registry);
    std::size_t cached = 0;
    for (const StagePtr& stage : pipeline.stages) {
      const bool is_cached = cache.committed(*stage);
      cached += is_cached ? 1 : 0;
      if (!kinds.contains(stage->name)) kind_order.push_back(stage->name);
      StageCount& count = kinds[stage->name];
      ++count.uses;
      if (!seen.emplace(stage->name + "/" + stage->key, true).second) continue;
      ++count.stages;
      count.cached += is_cached ? 1 : 0;
    }
    runs.add_row({point.run_id, point.block, point.variant, std::to_string(point.seed), std::to_string(pipeline.stages.size()), std::to_string(cached)});
  }
  Table stages({"stage", "distinct", "cached", "uses by runs"});
  for (const std::string& kind : kind_order)
    stages.add_row({kind, std::to_string(kinds[kind].stages), std::to_string(kinds[kind].cached), std::to_string(kinds[kind].uses)});
  fmt::print("{}\n{}", runs.text(), stages.text());
  return 0;
}

}  // namespace

Command make_plan_command() { return {"plan", "--exp FILE [key=value ...]", "show the runs, the shared stages and what is cached", run}; }

}  // namespace symphony
