// runner run: expands an experiment into a plan, runs it in worker processes, and prints what came out. With --plan and --index it is such a
// worker.
#include <iostream>
#include <thread>

#include "core/app/command.hpp"
#include "core/app/experiment_options.hpp"
#include "core/app/findings.hpp"
#include "core/app/stop_signal.hpp"
#include "core/app/sweep_table.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/log/index_file.hpp"
#include "core/pipeline/environment.hpp"
#include "core/pipeline/stage_cache.hpp"
#include "core/sweep/executor.hpp"
#include "core/sweep/launcher.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr int kExitFailedRuns = 1;
constexpr int kExitInterrupted = 130;  // as a shell reports a process that SIGINT ended

int run_worker(const po::variables_map& values) {
  const fs::path file = values["plan"].as<std::string>();
  const Plan plan = plan_from_json(read_text(file), file.string());
  const PluginRegistry registry = PluginRegistry::load(plan.plugin_folders);
  watch_stop_signals();
  try {
    execute_item(plan, values["index"].as<std::size_t>(), registry, stop_requested);
  } catch (const Interrupted&) {
    return kExitInterrupted;
  }
  return 0;
}

/// Items that need no worker: committed stages, and runs whose log is complete. `--recompute` forgets stages first.
std::vector<bool> done_items(const Plan& plan, const PluginRegistry& registry, const std::vector<std::string>& recompute, std::int64_t& cached_stages) {
  StageCache cache(cache_folder(plan));
  std::vector<bool> done(plan.items.size(), false);
  std::map<std::string, StagePtr> stages;
  std::vector<RunPipeline> pipelines;
  for (const SweepPoint& point : plan.points) {
    pipelines.push_back(build_pipeline(point_experiment(point, registry), registry));
    for (const StagePtr& stage : pipelines.back().stages) stages.emplace(stage->name + "/" + stage->key, stage);
  }
  std::vector<std::string> names;
  for (const auto& [id, stage] : stages)
    if (std::find(names.begin(), names.end(), stage->name) == names.end()) names.push_back(stage->name);
  for (const std::string& name : recompute) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      fail<ConfigError>("--recompute", "no stage {} in this experiment; {}", quoted(name), name_hint(name, names));
    for (const auto& [id, stage] : stages)
      if (stage->name == name) cache.forget(*stage);
  }
  for (std::size_t item = 0; item < plan.items.size(); ++item) {
    const PlanItem& what = plan.items[item];
    if (what.kind == PlanItem::Kind::stage) done[item] = cache.committed(*stages.at(what.stage + "/" + what.key));
    else done[item] = run_is_finished(plan, plan.points[what.point], pipelines[what.point]);
  }
  for (const auto& [id, stage] : stages) cached_stages += cache.committed(*stage) ? 1 : 0;
  return done;
}

void print_failures(const LaunchResult& result) {
  if (result.failures.empty()) return;
  fmt::print(stderr, "\n{} of the jobs failed:\n", result.failures.size());
  for (const ItemFailure& failure : result.failures) {
    const bool says_where = failure.message.starts_with(failure.label);
    fmt::print(stderr, "  {}{}{}\n", says_where ? "" : failure.label, says_where ? "" : ": ", failure.message);
  }
  if (!result.not_started.empty()) fmt::print(stderr, "{} jobs need one of these and were not started\n", result.not_started.size());
}

void print_results(const fs::path& folder) {
  const auto sweep = read_sweep(folder);
  if (sweep->runs.empty()) return;
  const SweepTable table = make_table(*sweep, "bits_per_byte");
  if (table.rows.empty()) return;
  fmt::print("\n{}\n{}\n{}", table_caption(table), format_table(table, "text"), findings(*sweep, table));
}

std::size_t default_jobs(const Plan& plan) {
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const auto threads = static_cast<std::size_t>(plan.points.front().config.find("threads")->as_int());
  return std::max<std::size_t>(1, cores / threads);
}

int run_experiment(const Command& self, const po::variables_map& values, const std::vector<std::string>& args) {
  LoadedExperiment loaded = load_experiment(self, values);
  for (const std::string& line : notes_on(loaded.sweep)) fmt::print(stderr, "note: {}\n", line);
  const Plan plan = plan_of(loaded, args);
  const fs::path folder = plan.results / plan.experiment;
  fs::create_directories(folder);
  const fs::path plan_file = folder / "plan.json";
  atomic_write(plan_file, plan_to_json(plan));

  const auto recompute = values.count("recompute") ? values["recompute"].as<std::vector<std::string>>() : std::vector<std::string>{};
  std::int64_t cached = 0;
  const auto done = done_items(plan, loaded.registry, recompute, cached);
  LaunchOptions options;
  options.jobs = values.count("jobs") ? values["jobs"].as<std::size_t>() : default_jobs(plan);
  if (options.jobs < 1) fail<ConfigError>("--jobs", "got 0, expected at least 1");
  options.stop_on_error = values["on-error"].as<std::string>() == "stop";
  options.quiet = values.count("quiet") > 0;
  options.runner = own_executable();
  options.plan_file = plan_file;
  const auto remaining = std::count(done.begin(), done.end(), false);
  if (!options.quiet)
    fmt::print(stderr, "{}: {} runs, {} jobs of which {} are done; {} stages are cached; --jobs {}\n", plan.experiment, plan.points.size(),
               plan.items.size(), plan.items.size() - static_cast<std::size_t>(remaining), cached, options.jobs);
  watch_stop_signals();
  const LaunchResult result = launch(plan, done, options, stop_requested);
  write_index(folder / "index.h5", find_runs(folder));

  fmt::print("{}: {} stages executed, {} of {} runs finished\n", plan.experiment, result.stages_executed, result.runs_finished, plan.points.size());
  print_results(folder);
  print_failures(result);
  fmt::print("\nlogs: {}\n", folder.string());
  if (result.interrupted) return kExitInterrupted;
  return result.failures.empty() ? 0 : kExitFailedRuns;
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  po::positional_options_description positional;
  add_experiment_options(options, positional);
  options.add_options()("jobs,j", po::value<std::size_t>()->value_name("N"), "worker processes; default: cores / threads")
      ("on-error", po::value<std::string>()->default_value("continue"), "continue with other runs, or stop")
      ("recompute", po::value<std::vector<std::string>>()->value_name("STAGE"), "forget cached results of a kind of stage; may be repeated")
      ("quiet,q", "no progress")
      ("plan", po::value<std::string>()->value_name("FILE"), "carry out one item of a frozen plan")
      ("index", po::value<std::size_t>()->value_name("I"), "which item");
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  const std::string on_error = (*values)["on-error"].as<std::string>();
  if (on_error != "continue" && on_error != "stop") fail<ConfigError>("--on-error", "got {}, expected continue or stop", quoted(on_error));
  if (values->count("plan") != values->count("index")) fail<ConfigError>("runner run", "--plan and --index go together");
  return values->count("plan") ? run_worker(*values) : run_experiment(self, *values, args);
}

}  // namespace

Command make_run() { return {"run", "--exp FILE [key=value ...] [options]", "run an experiment: every sweep point, then the comparison", run}; }

}  // namespace symphony
