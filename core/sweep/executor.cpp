// Shared stages, and runs: resolved config first, then every stage's record as it is done, then the rows.
#include "core/sweep/executor.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/stopwatch.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/json.hpp"
#include "core/config/resolved.hpp"
#include "core/log/run_file.hpp"
#include "core/log/run_reader.hpp"
#include "core/log/status_file.hpp"
#include "core/pipeline/environment.hpp"
#include "core/pipeline/stage_cache.hpp"
#include "core/sweep/job_status.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

/// Keeps job.json fresh, at most once a second.
class JobReporter {
 public:
  JobReporter(fs::path folder, std::string label) : folder_(std::move(folder)), status_(own_job_status(std::move(label))) {
    write_job_status(folder_, status_);
  }

  void progress(const Stage& stage, double share, const std::string& detail) {
    status_.stage = stage.label;
    status_.share = share;
    status_.detail = detail;
    if (since_write_.wall_seconds() < 1.0) return;
    since_write_ = Stopwatch();
    write_job_status(folder_, status_);
  }

  void count(const StageOutcome& outcome) { ++(outcome.executed ? status_.executed : status_.cached); }

  void finish(const std::string& state, const std::string& message) {
    status_.state = state;
    status_.message = message;
    write_job_status(folder_, status_);
  }

 private:
  fs::path folder_;
  JobStatus status_;
  Stopwatch since_write_;
};

RunInfo run_info(const Plan& plan, const SweepPoint& point, const Experiment& experiment) {
  RunInfo info;
  info.run_id = point.run_id;
  info.experiment = plan.experiment;
  info.variant = point.block.empty() ? point.variant : point.block + "/" + point.variant;
  info.seed = point.seed;
  info.config = to_yaml(point.config);
  info.config_hash = sha256_hex(to_json(point.config));
  for (const auto& [path, origin] : point.origins.as_map()) info.origins.emplace_back(path, origin.as_string());
  info.provenance = collect_provenance(experiment.threads);
  info.provenance.command_line = plan.command_line;
  info.provenance.git_revision = plan.git_revision;
  info.provenance.git_state = plan.git_state;
  return info;
}

/// The plugins that the experiment names, each once.
std::vector<PluginUse> plugins_used(const Experiment& experiment, const PluginRegistry& registry) {
  std::vector<PluginUse> used;
  Experiment copy = experiment;  // the visitor may change methods
  Schema::of<Experiment>()->visit_methods(&copy, [&](const std::string& category, Method& method, std::vector<std::string>) {
    const PluginEntry& entry = registry.find(category, method.name);
    const bool known = std::any_of(used.begin(), used.end(), [&](const PluginUse& use) { return use.id == entry.id; });
    if (!known) used.push_back({entry.id, entry.header->revision, entry.library.filename().string(), entry.library_hash});
  });
  return used;
}

std::vector<EvaluationRow> placed_rows(const RowsPlacement& placement, const fs::path& folder) {
  std::vector<EvaluationRow> rows = read_evaluation_rows(folder / "record.h5");
  for (EvaluationRow& row : rows) {
    row.subject = placement.subject;
    row.moment = placement.point;
  }
  return rows;
}

/// A smoke experiment carries the numbers it must end with.
void check_expectations(const Experiment& experiment, const std::vector<EvaluationRow>& rows, const std::string& run_id) {
  constexpr double kRelativeTolerance = 1e-3;
  std::string wrong;
  for (const auto& [path, expected] : experiment.expect) {
    const auto matches = [&path = path](const EvaluationRow& row) { return row.moment + "/" + row.task + "/" + row.metric == path && row.subject == "model"; };
    const auto found = std::find_if(rows.begin(), rows.end(), matches);
    if (found == rows.end()) wrong += fmt::format("\n  {}: no such row", path);
    else if (!(std::abs(found->value - expected) <= kRelativeTolerance * std::abs(expected)))
      wrong += fmt::format("\n  {}: got {:.6g}, expected {:.6g} within {:g}", path, found->value, expected, kRelativeTolerance);
  }
  if (!wrong.empty()) fail<NumericError>(run_id, "numbers differ from `expect`:{}", wrong);
}

void finish_run(const Plan& plan, const SweepPoint& point, const PluginRegistry& registry, const std::function<bool()>& stop_requested,
                JobReporter& reporter) {
  const auto experiment = point_experiment(point, registry);
  const RunPipeline pipeline = build_pipeline(experiment, registry);
  const fs::path folder = run_folder(plan, point);
  fs::create_directories(folder);
  const auto lock = FileLock::acquire(folder / ".lock");
  StageCache cache(cache_folder(plan));
  if (run_is_finished(plan, point, pipeline)) {
    for (const StagePtr& stage : pipeline.stages) reporter.count(cache.outcome(*stage));
    return;
  }
  atomic_write(folder / "config.yaml", to_yaml(point.config));
  RunStatus status;
  status.run_id = point.run_id;
  write_status(folder / "status.json", status);
  RunFile log = RunFile::create(folder / "run.h5", run_info(plan, point, *experiment));
  for (const PluginUse& use : plugins_used(*experiment, registry)) log.add_plugin(use);
  log.flush();
  try {
    const auto progress = [&](const Stage& stage, double share, const std::string& detail) { reporter.progress(stage, share, detail); };
    for (const StagePtr& stage : pipeline.stages) {
      status.stage = stage->label;
      write_status(folder / "status.json", status);
      const StageOutcome outcome = cache.ensure(*stage, progress, stop_requested);
      reporter.count(outcome);
      log.add_stage({stage->name, stage->key, !outcome.executed, outcome.wall_seconds, outcome.cpu_seconds});
      for (const RecordPlacement& placement : pipeline.records)
        if (placement.stage->key == stage->key && placement.stage->name == stage->name)
          log.absorb(outcome.directory / "record.h5", placement.group);
      log.flush();
    }
    std::vector<EvaluationRow> rows;
    for (const RowsPlacement& placement : pipeline.rows) {
      const auto placed = placed_rows(placement, cache.directory(*placement.stage));
      rows.insert(rows.end(), placed.begin(), placed.end());
    }
    log.add_evaluation(rows);
    check_expectations(*experiment, rows, point.run_id);
    log.finish("finished");
    status.state = "finished";
  } catch (const Interrupted&) {
    log.finish("interrupted", "stopped on request; the same command continues it");
    status.state = "interrupted";
    write_status(folder / "status.json", status);
    throw;
  } catch (const std::exception& error) {
    log.finish("failed", error.what());
    status.state = "failed";
    status.message = error.what();
    write_status(folder / "status.json", status);
    throw;
  }
  write_status(folder / "status.json", status);
}

void compute_stage(const Plan& plan, const PlanItem& item, const PluginRegistry& registry, const std::function<bool()>& stop_requested,
                   JobReporter& reporter) {
  const RunPipeline pipeline = build_pipeline(point_experiment(plan.points.at(item.point), registry), registry);
  const auto is_wanted = [&item](const StagePtr& stage) { return stage->name == item.stage && stage->key == item.key; };
  const auto found = std::find_if(pipeline.stages.begin(), pipeline.stages.end(), is_wanted);
  if (found == pipeline.stages.end())
    fail<ConfigError>(item.label, "the plan asks for stage {}/{}, which this build computes under another key; write a new plan", item.stage, item.key);
  const auto progress = [&](const Stage& stage, double share, const std::string& detail) { reporter.progress(stage, share, detail); };
  StageCache cache(cache_folder(plan));
  reporter.count(cache.ensure(**found, progress, stop_requested));
}

}  // namespace

bool run_is_finished(const Plan& plan, const SweepPoint& point, const RunPipeline& pipeline) {
  const fs::path folder = run_folder(plan, point);
  if (!fs::exists(folder / "status.json") || !fs::exists(folder / "run.h5")) return false;
  if (read_status(folder / "status.json").state != "finished") return false;
  const StageCache cache(cache_folder(plan));
  for (const StagePtr& stage : pipeline.stages)
    if (!cache.committed(*stage)) return false;
  const std::vector<StageUse> logged = RunReader(folder / "run.h5").stages();
  return std::equal(logged.begin(), logged.end(), pipeline.stages.begin(), pipeline.stages.end(),
                    [](const StageUse& use, const StagePtr& stage) { return use.name == stage->name && use.key == stage->key; });
}

void execute_item(const Plan& plan, std::size_t index, const PluginRegistry& registry, const std::function<bool()>& stop_requested) {
  if (index >= plan.items.size()) fail<ConfigError>("--index", "got {}, the plan has items 0 to {}", index, plan.items.size() - 1);
  const PlanItem& item = plan.items[index];
  JobReporter reporter(job_folder(plan, item), item.label);
  try {
    set_threads(point_experiment(plan.points.at(item.point), registry)->threads);
    if (item.kind == PlanItem::Kind::stage) compute_stage(plan, item, registry, stop_requested, reporter);
    else finish_run(plan, plan.points.at(item.point), registry, stop_requested, reporter);
  } catch (const Interrupted&) {
    reporter.finish("interrupted", "stopped on request; the same command continues it");
    throw;
  } catch (const std::exception& error) {
    reporter.finish("failed", error.what());
    throw;
  }
  reporter.finish("done", "");
}

}  // namespace symphony
