// Which stages are jobs of their own, and in what order.
#include "core/sweep/plan.hpp"

#include <algorithm>
#include <set>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/base/value_changes.hpp"

namespace symphony {

namespace {

constexpr std::size_t kNoItem = static_cast<std::size_t>(-1);

/// What differs between two flat maps of texts: path to place, null where the path is gone. The order of a map of origins means nothing.
Value changed_entries(const std::map<std::string, std::string>& base, const Value& other) {
  Value changes = ValueMap{};
  std::set<std::string> present;
  for (const auto& [path, place] : other.as_map()) {
    present.insert(path);
    const auto found = base.find(path);
    if (found == base.end() || found->second != place.as_string()) changes.as_map().emplace_back(path, place);
  }
  for (const auto& [path, place] : base)
    if (!present.contains(path)) changes.as_map().emplace_back(path, Value());
  return changes;
}

std::map<std::string, std::string> entries_of(const Value& flat) {
  std::map<std::string, std::string> entries;
  for (const auto& [path, place] : flat.as_map()) entries.emplace(path, place.as_string());
  return entries;
}

/// The nearest stages that are items and that `stage` needs, looking through those that are none.
void collect_items(const Plan& plan, std::size_t stage, const std::vector<std::size_t>& item_of, std::set<std::size_t>& after) {
  for (const std::size_t input : plan.stages[stage].inputs) {
    if (item_of[input] != kNoItem) after.insert(item_of[input]);
    else collect_items(plan, input, item_of, after);
  }
}

}  // namespace

Value Plan::config(const SweepPoint& point) const { return apply_changes(base_config, point.config_changes); }

Value Plan::origins(const SweepPoint& point) const {
  auto entries = entries_of(base_origins);
  for (const auto& [path, place] : point.origin_changes.as_map()) {
    if (place.is_null()) entries.erase(path);
    else entries[path] = place.as_string();
  }
  Value result = ValueMap{};
  for (auto& [path, place] : entries) result.as_map().emplace_back(path, std::move(place));
  return result;
}

std::string Plan::label(const PlanItem& item) const {
  return item.kind == PlanItem::Kind::run ? points[item.point].run_id : stages[item.stage].label;
}

std::string Plan::item_id(const PlanItem& item) const {
  if (item.kind == PlanItem::Kind::run) return points[item.point].run_id;
  return stages[item.stage].name + "-" + stages[item.stage].key;
}

std::size_t PlanBuilder::add_stage(const Stage& stage) {
  const auto [entry, fresh] = stage_index_.try_emplace(stage.name + "/" + stage.key, plan_.stages.size());
  if (!fresh) return entry->second;
  PlanStage planned{stage.name, stage.key, stage.label, {}, stage.cost};
  for (const StagePtr& input : stage.inputs) planned.inputs.push_back(stage_index_.at(input->name + "/" + input->key));
  plan_.stages.push_back(std::move(planned));
  uses_.push_back(0);
  first_point_.push_back(plan_.points.size());
  return entry->second;
}

void PlanBuilder::add(ResolvedPoint resolved) {
  RunPipeline pipeline;
  try {
    pipeline = build_pipeline(resolved.experiment, registry_, texts_);
  } catch (const Error& error) {
    problems_.emplace(error.what(), resolved.run_id);
    return;
  }
  if (plan_.points.empty()) {
    plan_.base_config = resolved.config;
    plan_.base_origins = resolved.origins;
    base_places_ = entries_of(resolved.origins);
  }
  SweepPoint point;
  for (const StagePtr& stage : pipeline.stages) {
    point.stages.push_back(add_stage(*stage));
    ++uses_[point.stages.back()];
  }
  point.run_id = std::move(resolved.run_id);
  point.block = std::move(resolved.block);
  point.variant = std::move(resolved.variant);
  point.seed = resolved.seed;
  point.config_hash = std::move(resolved.config_hash);
  point.config_changes = changes_between(plan_.base_config, resolved.config);
  point.origin_changes = changed_entries(base_places_, resolved.origins);
  plan_.points.push_back(std::move(point));
}

Plan PlanBuilder::finish() {
  // A stage is worth a job of its own when several runs wait for it.
  std::vector<std::size_t> item_of(plan_.stages.size(), kNoItem);
  for (std::size_t stage = 0; stage < plan_.stages.size(); ++stage) {
    if (uses_[stage] < 2 || plan_.stages[stage].cost.light) continue;
    PlanItem item{PlanItem::Kind::stage, first_point_[stage], stage, {}, plan_.stages[stage].cost.peak_memory_bytes};
    std::set<std::size_t> after;
    collect_items(plan_, stage, item_of, after);
    item.after.assign(after.begin(), after.end());
    item_of[stage] = plan_.items.size();
    plan_.items.push_back(std::move(item));
  }
  for (std::size_t index = 0; index < plan_.points.size(); ++index) {
    PlanItem item{PlanItem::Kind::run, index, 0, {}, 0};
    for (const std::size_t stage : plan_.points[index].stages) {
      if (item_of[stage] != kNoItem) item.after.push_back(item_of[stage]);
      else item.peak_memory_bytes = std::max(item.peak_memory_bytes, plan_.stages[stage].cost.peak_memory_bytes);
    }
    std::sort(item.after.begin(), item.after.end());
    plan_.items.push_back(std::move(item));
  }
  plan_.problems = texts_.missing();
  for (const auto& [message, run_id] : problems_) plan_.problems.push_back(fmt::format("run {}: {}", run_id, message));
  return std::move(plan_);
}

std::shared_ptr<const Experiment> point_experiment(const Plan& plan, const SweepPoint& point, const PluginRegistry& registry) {
  auto experiment = std::make_shared<Experiment>(from_value<Experiment>(plan.config(point), point.run_id));
  const SchemaIssues issues = check_experiment(*experiment, registry);
  if (!issues.empty()) fail<ConfigError>(point.run_id, "{}: {}", path_text(issues.front().path), issues.front().message);
  return experiment;
}

std::filesystem::path run_folder(const Plan& plan, const SweepPoint& point) { return plan.results / plan.experiment / point.run_id; }
std::filesystem::path cache_folder(const Plan& plan) { return plan.results / ".cache"; }

std::filesystem::path job_folder(const Plan& plan, const PlanItem& item) { return plan.results / plan.experiment / ".jobs" / plan.item_id(item); }

}  // namespace symphony
