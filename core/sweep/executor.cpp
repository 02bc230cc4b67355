// Shared stages, and runs: resolved config first, then every stage's record as it is done, then the rows.
#include "core/sweep/executor.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/config/resolved.hpp"
#include "core/log/run_file.hpp"
#include "core/log/status_file.hpp"
#include "core/pipeline/environment.hpp"
#include "core/pipeline/export_stage.hpp"
#include "core/pipeline/stage_cache.hpp"
#include "core/sweep/job_reporter.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

constexpr const char* kInterruptedMessage = "stopped on request; the same command continues it";

/// Where every value of the configuration came from: those that nobody wrote are defaults.
std::vector<std::pair<std::string, std::string>> all_origins(const Plan& plan, const SweepPoint& point, const Value& config) {
  std::vector<std::pair<std::string, std::string>> places;
  const Value written = plan.origins(point);
  for (const Origin& origin : origins(config, Node())) {
    const Value* place = written.find(origin.path);
    places.emplace_back(origin.path, place ? place->as_string() : origin.place);
  }
  return places;
}

RunInfo run_info(const Plan& plan, const SweepPoint& point, const Experiment& experiment) {
  RunInfo info;
  const Value config = plan.config(point);
  info.run_id = point.run_id;
  info.experiment = plan.experiment;
  info.variant = point.block.empty() ? point.variant : point.block + "/" + point.variant;
  info.seed = point.seed;
  info.config = to_yaml(config);
  info.config_hash = point.config_hash;
  info.origins = all_origins(plan, point, config);
  info.provenance = collect_provenance(experiment.threads);
  info.provenance.device = experiment.device;
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

std::string wanted(const std::vector<double>& expected, double tolerance) {
  return expected.size() == 1 ? fmt::format("{:.6g} within {:g}", expected[0], tolerance) : fmt::format("{:g} to {:g}", expected[0], expected[1]);
}

/// A smoke experiment carries the numbers it must end with.
void check_expectations(const Experiment& experiment, const std::vector<EvaluationRow>& rows, const std::string& run_id) {
  constexpr double kRelativeTolerance = 1e-3;
  std::string wrong;
  for (const auto& [path, expected] : experiment.expect) {
    const auto matches = [&path = path](const EvaluationRow& row) { return row.moment + "/" + row.task + "/" + row.metric == path && row.subject == "model"; };
    const auto found = std::find_if(rows.begin(), rows.end(), matches);
    if (found == rows.end()) {
      wrong += fmt::format("\n  {}: no such row", path);
      continue;
    }
    const double slack = expected.size() == 1 ? kRelativeTolerance * std::abs(expected[0]) : 0.0;
    if (!(found->value >= expected.front() - slack && found->value <= expected.back() + slack))
      wrong += fmt::format("\n  {}: got {:.6g}, expected {}", path, found->value, wanted(expected, kRelativeTolerance));
  }
  if (!wrong.empty()) fail<NumericError>(run_id, "numbers differ from `expect`:{}", wrong);
}

/// Writes a run's log stage by stage.
class RunWriter {
 public:
  RunWriter(const Plan& plan, const SweepPoint& point, const PluginRegistry& registry, JobReporter& reporter, const std::function<bool()>& stop_requested)
      : plan_(plan), point_(point), registry_(registry), reporter_(reporter), stop_requested_(stop_requested), folder_(run_folder(plan, point)),
        cache_(cache_folder(plan)), experiment_(point_experiment(plan, point, registry)), pipeline_(build_pipeline(experiment_, registry)) {}

  void write() {
    fs::create_directories(folder_);
    const auto lock = FileLock::acquire(folder_ / ".lock", [this](const std::string& holder) {
      reporter_.progress("run", 0.0, "waiting for " + holder);
      if (stop_requested_()) throw Interrupted();
    });
    if (run_is_finished(plan_, point_)) {
      for (const StagePtr& stage : pipeline_.stages) reporter_.count(cache_.outcome(*stage));
      return;
    }
    RunStatus status;
    status.run_id = point_.run_id;
    reporter_.keep_status(folder_ / "status.json", status);
    atomic_write(folder_ / "config.yaml", to_yaml(plan_.config(point_)));
    RunFile log = RunFile::create(folder_ / "run.h5", run_info(plan_, point_, *experiment_));
    for (const PluginUse& use : plugins_used(*experiment_, registry_)) log.add_plugin(use);
    log.flush();
    try {
      absorb_stages(log);
      finish(log);
    } catch (const Interrupted&) {
      log.finish("interrupted", kInterruptedMessage);
      reporter_.end_status("interrupted", "");
      throw;
    } catch (const std::exception& error) {
      reporter_.end_status("failed", error.what());  // first: the log may be what cannot be written
      log.finish("failed", error.what());
      throw;
    }
  }

 private:
  void absorb_stages(RunFile& log) {
    const auto progress = [this](const Stage& stage, double share, const std::string& detail) { reporter_.progress(stage.label, share, detail); };
    for (const StagePtr& stage : pipeline_.stages) {
      reporter_.progress(stage->label, 0.0, "");
      const StageOutcome outcome = cache_.ensure(*stage, progress, stop_requested_);
      reporter_.count(outcome);
      log.add_stage({stage->name, stage->key, !outcome.executed, outcome.wall_seconds, outcome.cpu_seconds});
      for (const RecordPlacement& placement : pipeline_.records)
        if (placement.stage->key == stage->key && placement.stage->name == stage->name) log.absorb(outcome.directory / "record.h5", placement.group);
      log.flush();
    }
  }

  /// The model lies in the cache, shared by runs that end with it; here it has a name that people find.
  void link_export() const {
    const fs::path link = folder_ / kExportedFolder;
    fs::remove(link);
    fs::create_directory_symlink(fs::relative(cache_.directory(*pipeline_.exported) / kExportedFolder, folder_), link);
  }

  void finish(RunFile& log) {
    std::vector<EvaluationRow> rows;
    for (const RowsPlacement& placement : pipeline_.rows) {
      const auto placed = placed_rows(placement, cache_.directory(*placement.stage));
      rows.insert(rows.end(), placed.begin(), placed.end());
    }
    log.add_evaluation(rows);
    if (pipeline_.exported) link_export();
    check_expectations(*experiment_, rows, point_.run_id);
    const auto& skipped = pipeline_.skipped_phases;
    log.finish("finished", skipped.empty() ? "" : fmt::format("left out, for nothing would learn: {}", join(skipped, ", ")));
    sync_file(folder_ / "run.h5");  // before the status says that it is complete
    reporter_.end_status("finished", "", stages_hash(plan_, point_));
  }

  const Plan& plan_;
  const SweepPoint& point_;
  const PluginRegistry& registry_;
  JobReporter& reporter_;
  const std::function<bool()>& stop_requested_;
  fs::path folder_;
  StageCache cache_;
  std::shared_ptr<const Experiment> experiment_;
  RunPipeline pipeline_;
};

void compute_stage(const Plan& plan, const PlanItem& item, const PluginRegistry& registry, const std::function<bool()>& stop_requested,
                   JobReporter& reporter) {
  const PlanStage& wanted = plan.stages.at(item.stage);
  const RunPipeline pipeline = build_pipeline(point_experiment(plan, plan.points.at(item.point), registry), registry);
  const auto is_wanted = [&wanted](const StagePtr& stage) { return stage->name == wanted.name && stage->key == wanted.key; };
  const auto found = std::find_if(pipeline.stages.begin(), pipeline.stages.end(), is_wanted);
  if (found == pipeline.stages.end())
    fail<ConfigError>(wanted.label, "the plan asks for stage {}, which this build computes under another key; write a new plan", wanted.id());
  const auto progress = [&](const Stage& stage, double share, const std::string& detail) { reporter.progress(stage.label, share, detail); };
  StageCache cache(cache_folder(plan));
  reporter.count(cache.ensure(**found, progress, stop_requested));
}

/// For a run that fails before it has a log.
void note_failed_run(const Plan& plan, const SweepPoint& point, const std::string& message) {
  fs::create_directories(run_folder(plan, point));
  RunStatus status;
  status.state = "failed";
  status.run_id = point.run_id;
  status.message = message;
  write_status(run_folder(plan, point) / "status.json", status);
}

/// A failed stage fails those that need it, as in a local sweep. One whose worker was killed does not: whoever needs it computes it.
void expect_no_failed_need(const Plan& plan, const PlanItem& item) {
  for (const std::size_t index : item.after) {
    const PlanItem& need = plan.items.at(index);
    const PlanStage& stage = plan.stages.at(need.stage);
    const auto jobs = read_job_statuses(job_folder(plan, need));
    if (jobs.empty() || jobs.front().state != "failed" || StageCache::is_committed(cache_folder(plan) / stage.name / stage.key)) continue;
    const std::string message = fmt::format("it needs '{}', which failed: {}; carry out item {} again first", stage.label, jobs.front().message, index);
    if (item.kind == PlanItem::Kind::run) note_failed_run(plan, plan.points.at(item.point), message);
    fail<DataError>(plan.label(item), "{}", message);
  }
}

}  // namespace

std::string stages_hash(const Plan& plan, const SweepPoint& point) {
  std::string ids;
  for (const std::size_t stage : point.stages) ids += plan.stages[stage].id() + "\n";
  return sha256_hex(ids);
}

bool run_is_finished(const Plan& plan, const SweepPoint& point) {
  const fs::path folder = run_folder(plan, point);
  if (!fs::exists(folder / "status.json") || !fs::exists(folder / "run.h5")) return false;
  const RunStatus status = read_status(folder / "status.json");
  if (status.state != "finished" || status.stages != stages_hash(plan, point)) return false;
  const fs::path cache = cache_folder(plan);
  return std::all_of(point.stages.begin(), point.stages.end(),
                     [&](std::size_t stage) { return StageCache::is_committed(cache / plan.stages[stage].name / plan.stages[stage].key); });
}

std::vector<bool> finished_items(const Plan& plan) {
  std::vector<bool> finished;
  for (const PlanItem& item : plan.items) {
    if (item.kind == PlanItem::Kind::run) finished.push_back(run_is_finished(plan, plan.points[item.point]));
    else finished.push_back(StageCache::is_committed(cache_folder(plan) / plan.stages[item.stage].name / plan.stages[item.stage].key));
  }
  return finished;
}

void execute_item(const Plan& plan, std::size_t index, const PluginRegistry& registry, const std::function<bool()>& stop_requested) {
  if (index >= plan.items.size()) fail<ConfigError>("--index", "got {}, the plan has items 0 to {}", index, plan.items.size() - 1);
  const PlanItem& item = plan.items[index];
  const SweepPoint& point = plan.points.at(item.point);
  JobReporter reporter(job_folder(plan, item), plan.label(item));
  try {
    expect_no_failed_need(plan, item);
    set_threads(plan.config(point).find("threads")->as_int());
    if (item.kind == PlanItem::Kind::stage) compute_stage(plan, item, registry, stop_requested, reporter);
    else RunWriter(plan, point, registry, reporter, stop_requested).write();
  } catch (const Interrupted&) {
    reporter.finish("interrupted", kInterruptedMessage);
    throw;
  } catch (const std::exception& error) {
    reporter.finish("failed", error.what());
    throw;
  }
  reporter.finish("done", "");
}

}  // namespace symphony
