// A plan: what a sweep will do, frozen. Its stages are those of all runs, each once. Its items are the jobs of the worker processes: stages that
// several runs share come first and are computed once; a run item does what is left of one run and writes its log.
// `runner --plan P --index I` carries out item I.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/plugin/registry.hpp"
#include "core/sweep/expand.hpp"

namespace symphony {

/// A stage of the sweep.
struct PlanStage {
  std::string name, key, label;
  std::vector<std::size_t> inputs;   ///< stages
  StageCost cost;
  std::string id() const { return name + "/" + key; }
};

/// One run of a sweep. Its configuration is kept as changes against the plan's first run (see Plan::config).
struct SweepPoint {
  std::string run_id;
  std::string block, variant;        ///< "" when the sweep has none
  std::int64_t seed = 1;
  std::string config_hash;
  Value config_changes;
  Value origin_changes;
  std::vector<std::size_t> stages;   ///< of its pipeline, inputs before those that read them
};

struct PlanItem {
  enum class Kind { stage, run } kind = Kind::run;
  std::size_t point = 0;             ///< the run, or for a stage any run that needs it
  std::size_t stage = 0;             ///< of a stage item
  std::vector<std::size_t> after;    ///< items that must be done first
  std::uint64_t peak_memory_bytes = 0;  ///< estimate: the largest of its stage, or of those stages of the run that are no items
};

struct Plan {
  std::string experiment;            ///< its name: the folder under the results
  std::string about;
  std::string baseline;              ///< the variant that others are compared with; "" without variants
  std::filesystem::path results;     ///< absolute
  std::vector<std::filesystem::path> plugin_folders;
  std::vector<std::string> command_line;
  std::string git_revision, git_state;
  Value base_config = ValueMap{}, base_origins = ValueMap{};  ///< of the first run
  std::vector<PlanStage> stages;     ///< inputs before those that read them
  std::vector<SweepPoint> points;
  std::vector<PlanItem> items;       ///< stages in dependency order, then runs in the order of points
  std::vector<std::string> problems; ///< why not all of it can run; empty in a plan that was written

  /// The resolved experiment of a run.
  Value config(const SweepPoint& point) const;
  /// Path to place, for every value that was written somewhere; the others are defaults.
  Value origins(const SweepPoint& point) const;
  std::string label(const PlanItem& item) const;
  /// A name for files about the item, the same in every plan: "<stage>-<key>" or the run's id.
  std::string item_id(const PlanItem& item) const;
};

/// Puts a plan together run by run, computing every stage's key; touches no model.
class PlanBuilder {
 public:
  explicit PlanBuilder(const PluginRegistry& registry) : registry_(registry) {}

  /// What only shows when the pipeline is built (parameters that contradict each other, text or a checkpoint that is not there) becomes one of the
  /// plan's problems.
  void add(ResolvedPoint point);
  /// What a reader should know before anything runs, a line each: of the vocabularies that were read.
  const std::vector<std::string>& notes() { return texts_.vocabularies().notes(); }
  /// With the items; who asks fills in the names and folders.
  Plan finish();

 private:
  std::size_t add_stage(const Stage& stage);

  const PluginRegistry& registry_;
  TextCatalogue texts_;
  std::map<std::string, std::size_t> stage_index_;   ///< by id
  std::vector<std::size_t> uses_;                    ///< runs that need a stage
  std::vector<std::size_t> first_point_;
  std::map<std::string, std::string> base_places_;   ///< of the plan's base_origins
  std::map<std::string, std::string> problems_;      ///< message to the first run that has it
  Plan plan_;
};

std::string plan_to_json(const Plan& plan);
/// Throws DataError naming `where` for a file that is no plan, or one of another version of the program.
Plan plan_from_json(const std::string& text, const std::string& where);

/// Writes the plan where it can be found: <experiment>/plan.json, the latest, which readers look at; and <experiment>/.plans/<hash>.json, which no
/// other invocation changes under the hands of this one's workers. Returns the latter.
std::filesystem::path write_plan(const Plan& plan);
Plan read_plan(const std::filesystem::path& file);

/// Where run `point` is logged.
std::filesystem::path run_folder(const Plan& plan, const SweepPoint& point);
std::filesystem::path cache_folder(const Plan& plan);
/// Where whoever carries out an item reports, `<results>/<experiment>/.jobs/<run id, or stage and key>`: the same for every plan that has the item.
std::filesystem::path job_folder(const Plan& plan, const PlanItem& item);

/// The experiment of a point, bound and checked. Throws ConfigError (a frozen plan is expected to be right).
std::shared_ptr<const Experiment> point_experiment(const Plan& plan, const SweepPoint& point, const PluginRegistry& registry);

}  // namespace symphony
