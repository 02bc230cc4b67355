// runner run: expands an experiment into a plan, runs it in worker processes, and prints what came out. With --plan and --index it is such a
// worker. With --slurm the workers are the tasks of job arrays, and the sweep is submitted instead.
#include <iostream>
#include <thread>

#include "core/app/command.hpp"
#include "core/app/experiment_options.hpp"
#include "core/app/findings.hpp"
#include "core/app/stop_signal.hpp"
#include "core/app/table_formats.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"
#include "core/log/index_file.hpp"
#include "core/pipeline/environment.hpp"
#include "core/pipeline/stage_cache.hpp"
#include "core/sweep/executor.hpp"
#include "core/sweep/launcher.hpp"
#include "core/sweep/slurm.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr int kExitFailedRuns = 1;
constexpr int kExitInterrupted = 130;  // as a shell reports a process that SIGINT ended

int run_worker(const po::variables_map& values) {
  const Plan plan = read_plan(values["plan"].as<std::string>());
  const PluginRegistry registry = PluginRegistry::load(plan.plugin_folders);
  watch_stop_signals();
  if (values.count("parent")) stop_with_parent(values["parent"].as<int>());
  try {
    execute_item(plan, values["index"].as<std::size_t>(), registry, stop_requested);
  } catch (const Interrupted&) {
    return kExitInterrupted;
  }
  return 0;
}

/// Forgets the cached results of the kinds of stage that --recompute names.
void forget_stages(const Plan& plan, const std::vector<std::string>& kinds) {
  std::vector<std::string> known;
  for (const PlanStage& stage : plan.stages)
    if (std::find(known.begin(), known.end(), stage.name) == known.end()) known.push_back(stage.name);
  StageCache cache(cache_folder(plan));
  for (const std::string& kind : kinds) {
    if (std::find(known.begin(), known.end(), kind) == known.end())
      fail<ConfigError>("--recompute", "no stage {} in this experiment; {}", quoted(kind), name_hint(kind, known));
    for (const PlanStage& stage : plan.stages)
      if (stage.name == kind) cache.forget(stage.name, stage.key);
  }
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
  const SweepTable table = make_table(*sweep);
  if (table.rows.empty()) return;
  fmt::print("\n{}\n{}\n{}", table_caption(table), format_table(table, "text"), findings(*sweep, table));
}

std::size_t default_jobs(const Plan& plan) {
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const auto threads = static_cast<std::size_t>(plan.config(plan.points.front()).find("threads")->as_int());
  return std::max<std::size_t>(1, cores / threads);
}

std::uint64_t memory_budget(const po::variables_map& values) {
  if (values.count("memory")) return parse_bytes(values["memory"].as<std::string>(), "--memory");
  constexpr double kShare = 0.9;  // of what is free: the estimates are rough
  return static_cast<std::uint64_t>(kShare * static_cast<double>(available_memory_bytes()));
}

/// Prints what would be submitted.
int print_submission(const Plan& plan, const SlurmSettings& settings) {
  const auto done = finished_items(plan);
  fmt::print("{}", submission_text(slurm_plan(plan, done), settings));
  fmt::print(stderr, "{}: {} of {} jobs are done; nothing was written or submitted\n", plan.experiment, std::count(done.begin(), done.end(), true),
             plan.items.size());
  return 0;
}

int submit_experiment(const Plan& plan, const SlurmSettings& settings) {
  const fs::path folder = plan.results / plan.experiment;
  const auto done = finished_items(plan);
  if (std::find(done.begin(), done.end(), false) == done.end()) {
    write_plan(plan);
    write_index(folder / "index.h5", find_runs(folder));
    fmt::print("{}: all {} runs are finished\n", plan.experiment, plan.points.size());
    print_results(folder);
    return 0;
  }
  const SlurmSubmission submission = submit(plan, done, settings);
  write_plan(plan);
  fmt::print("{}: {} jobs submitted to Slurm, {} are in its queue already\n", plan.experiment, submission.submitted, submission.queued);
  for (std::size_t array = 0; array < submission.jobs.size(); ++array)
    fmt::print("  job {}: {}\n", submission.jobs[array], submission.arrays[array].what);
  if (submission.submitted > 0) fmt::print("scripts:  {}\nwithdraw: scancel {}\n", submission.folder.string(), join(submission.jobs, " "));
  fmt::print("progress: runner status {}\n", shell_word(folder.string()));
  return 0;
}

int run_experiment(const Command& self, const po::variables_map& values, const std::vector<std::string>& args) {
  const ExperimentSetting setting = experiment_setting(values);
  const auto [plan, slurm, notes] = plan_experiment(self, values, setting, args);
  refuse_problems(plan);
  for (const std::string& line : notes) fmt::print(stderr, "note: {}\n", line);
  const fs::path folder = plan.results / plan.experiment;
  const SlurmSettings slurm_settings = values.count("slurm") ? fit_to_plan(slurm, plan) : slurm;
  if (values.count("dry-run")) return print_submission(plan, slurm_settings);
  if (values.count("recompute")) forget_stages(plan, values["recompute"].as<std::vector<std::string>>());
  if (values.count("slurm")) return submit_experiment(plan, slurm_settings);
  const fs::path plan_file = write_plan(plan);
  const auto done = finished_items(plan);
  LaunchOptions options;
  options.jobs = values.count("jobs") ? values["jobs"].as<std::size_t>() : default_jobs(plan);
  if (options.jobs < 1) fail<ConfigError>("--jobs", "got 0, expected at least 1");
  options.stop_on_error = values["on-error"].as<std::string>() == "stop";
  options.quiet = values.count("quiet") > 0;
  options.runner = own_executable();
  options.plan_file = plan_file;
  options.memory_bytes = memory_budget(values);
  const auto remaining = std::count(done.begin(), done.end(), false);
  if (!options.quiet)
    fmt::print(stderr, "{}: {} runs, {} jobs of which {} are done; --jobs {}, {} of memory\n", plan.experiment, plan.points.size(),
               plan.items.size(), plan.items.size() - static_cast<std::size_t>(remaining), options.jobs, human_bytes(options.memory_bytes));
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

/// What a submission cannot mean.
void check_slurm_options(const po::variables_map& values) {
  const bool dry_run = values.count("dry-run") > 0;
  if (dry_run && !values.count("slurm")) fail<ConfigError>("--dry-run", "expected together with --slurm; runner plan shows what a local sweep would do");
  if (!values.count("slurm")) return;
  if (dry_run && values.count("recompute")) fail<ConfigError>("--recompute", "forgets results, which --dry-run must not");
  if (values.count("plan")) fail<ConfigError>("--slurm", "--plan carries out one item here; submit the experiment with --exp");
  if (values.count("jobs")) fail<ConfigError>("--jobs", "counts local workers; with --slurm, slurm.throttle bounds the tasks that run at once");
  if (values.count("memory")) fail<ConfigError>("--memory", "is what local workers share; with --slurm, slurm.memory is that of a task");
  if (!values["on-error"].defaulted()) fail<ConfigError>("--on-error", "is for local workers; with --slurm other runs go on, and scancel stops them");
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  po::positional_options_description positional;
  add_experiment_options(options, positional);
  options.add_options()("jobs,j", po::value<std::size_t>()->value_name("N"), "worker processes; default: cores / threads")
      ("memory", po::value<std::string>()->value_name("SIZE"), "what the jobs together may need, such as 12GiB; default: 90 % of what is free")
      ("on-error", po::value<std::string>()->default_value("continue"), "continue with other runs, or stop")
      ("recompute", po::value<std::vector<std::string>>()->value_name("STAGE"), "forget cached results of a kind of stage; may be repeated")
      ("quiet,q", "no progress")
      ("slurm", "submit what is left as job arrays, with the settings under `slurm`, and return")
      ("dry-run", "with --slurm: print the scripts; write and submit nothing")
      ("plan", po::value<std::string>()->value_name("FILE"), "carry out one item of a frozen plan")
      ("index", po::value<std::size_t>()->value_name("I"), "which item")
      ("parent", po::value<int>()->value_name("PID"), "of an item: save and stop when this process, the parent, ends");
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  const std::string on_error = (*values)["on-error"].as<std::string>();
  if (on_error != "continue" && on_error != "stop") fail<ConfigError>("--on-error", "got {}, expected continue or stop", quoted(on_error));
  if (values->count("plan") != values->count("index")) fail<ConfigError>("runner run", "--plan and --index go together");
  check_slurm_options(*values);
  return values->count("plan") ? run_worker(*values) : run_experiment(self, *values, args);
}

}  // namespace

Command make_run() { return {"run", "--exp FILE [key=value ...] [options]", "run an experiment: every sweep point, then the comparison", run}; }

}  // namespace symphony
