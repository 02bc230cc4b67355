// A plan: what a sweep will do, frozen. Its items are the jobs of the worker processes: stages that several runs share come first and are
// computed once; a run item does what is left of one run and writes its log. `runner --plan P --index I` carries out item I.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/plugin/registry.hpp"

namespace symphony {

/// One run of a sweep: a resolved experiment under one seed.
struct SweepPoint {
  std::string run_id;            ///< "independent.none.s1-1a2b3c4d": readable, and unique by the hash of the resolved config
  std::string block, variant;    ///< "" when the sweep has none
  std::int64_t seed = 1;
  Value config;                  ///< the resolved experiment, canonical
  Value origins = ValueMap{};    ///< where each value came from
};

struct PlanItem {
  enum class Kind { stage, run } kind = Kind::run;
  std::size_t point = 0;         ///< the run, or for a stage any run that needs it
  std::string stage, key;        ///< of a stage item
  std::string label;
  std::vector<std::size_t> after;  ///< items that must be done first
};

struct Plan {
  std::string experiment;        ///< its name: the folder under the results
  std::string about;
  std::string baseline;          ///< the variant that others are compared with; "" without variants
  std::filesystem::path results; ///< absolute
  std::vector<std::filesystem::path> plugin_folders;
  std::vector<std::string> command_line;
  std::string git_revision, git_state;
  std::vector<SweepPoint> points;
  std::vector<PlanItem> items;   ///< stages in dependency order, then runs in the order of points
};

/// The items of the points' pipelines. Two points of the same run id are one run.
Plan make_plan(std::vector<SweepPoint> points, const PluginRegistry& registry);

std::string plan_to_json(const Plan& plan);
Plan plan_from_json(const std::string& text, const std::string& where);

/// Where run `point` is logged.
std::filesystem::path run_folder(const Plan& plan, const SweepPoint& point);
std::filesystem::path cache_folder(const Plan& plan);
/// Where whoever carries out an item reports, `<results>/<experiment>/.jobs/<run id, or stage and key>`: the same for every plan that has the item.
std::filesystem::path job_folder(const Plan& plan, const PlanItem& item);

/// The experiment of a point, bound and checked. Throws ConfigError (a frozen plan is expected to be right).
std::shared_ptr<const Experiment> point_experiment(const SweepPoint& point, const PluginRegistry& registry);

}  // namespace symphony
