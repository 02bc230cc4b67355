// Which stages are jobs of their own, in what order, and the plan as a file.
#include "core/sweep/plan.hpp"

#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

struct SharedStage {
  StagePtr stage;
  std::size_t first_point = 0;
  std::size_t uses = 0;
  std::size_t item = 0;
};

std::string stage_id(const Stage& stage) { return stage.name + "/" + stage.key; }

/// The nearest shared stages that `stage` needs, looking through those that are no items.
void collect_items(const Stage& stage, const std::map<std::string, SharedStage>& shared, std::set<std::size_t>& after) {
  for (const StagePtr& input : stage.inputs) {
    const auto found = shared.find(stage_id(*input));
    if (found != shared.end()) after.insert(found->second.item);
    else collect_items(*input, shared, after);
  }
}

}  // namespace

std::shared_ptr<const Experiment> point_experiment(const SweepPoint& point, const PluginRegistry& registry) {
  auto experiment = std::make_shared<Experiment>(from_value<Experiment>(point.config, point.run_id));
  const SchemaIssues issues = check_experiment(*experiment, registry);
  if (!issues.empty()) fail<ConfigError>(point.run_id, "{}: {}", path_text(issues.front().path), issues.front().message);
  return experiment;
}

Plan make_plan(std::vector<SweepPoint> points, const PluginRegistry& registry) {
  Plan plan;
  std::set<std::string> seen;
  for (SweepPoint& point : points)
    if (seen.insert(point.run_id).second) plan.points.push_back(std::move(point));

  std::vector<RunPipeline> pipelines;
  std::map<std::string, SharedStage> stages;
  std::vector<std::string> order;
  for (std::size_t index = 0; index < plan.points.size(); ++index) {
    pipelines.push_back(build_pipeline(point_experiment(plan.points[index], registry), registry));
    for (const StagePtr& stage : pipelines.back().stages) {
      const auto [entry, fresh] = stages.try_emplace(stage_id(*stage), SharedStage{stage, index, 0, 0});
      if (fresh) order.push_back(entry->first);
      ++entry->second.uses;
    }
  }

  // A stage is worth a job of its own when several runs wait for it.
  std::map<std::string, SharedStage> shared;
  for (const std::string& id : order) {
    SharedStage entry = stages.at(id);
    if (entry.uses < 2 || entry.stage->light) continue;
    entry.item = plan.items.size();
    shared.emplace(id, entry);
    PlanItem item;
    item.kind = PlanItem::Kind::stage;
    item.point = entry.first_point;
    item.stage = entry.stage->name;
    item.key = entry.stage->key;
    item.label = entry.stage->label;
    std::set<std::size_t> after;
    collect_items(*entry.stage, shared, after);
    item.after.assign(after.begin(), after.end());
    plan.items.push_back(std::move(item));
  }
  for (std::size_t index = 0; index < plan.points.size(); ++index) {
    PlanItem item;
    item.point = index;
    item.label = plan.points[index].run_id;
    std::set<std::size_t> after;
    for (const StagePtr& stage : pipelines[index].stages) {
      const auto found = shared.find(stage_id(*stage));
      if (found != shared.end()) after.insert(found->second.item);
    }
    item.after.assign(after.begin(), after.end());
    plan.items.push_back(std::move(item));
  }
  return plan;
}

std::string plan_to_json(const Plan& plan) {
  Value tree = ValueMap{};
  tree.set("experiment", plan.experiment);
  tree.set("about", plan.about);
  tree.set("baseline", plan.baseline);
  tree.set("results", plan.results.string());
  ValueList folders;
  for (const auto& folder : plan.plugin_folders) folders.push_back(folder.string());
  tree.set("plugins", std::move(folders));
  tree.set("command_line", ValueList(plan.command_line.begin(), plan.command_line.end()));
  tree.set("git_revision", plan.git_revision);
  tree.set("git_state", plan.git_state);
  ValueList points;
  for (const SweepPoint& point : plan.points) {
    Value entry = ValueMap{};
    entry.set("run_id", point.run_id);
    entry.set("block", point.block);
    entry.set("variant", point.variant);
    entry.set("seed", point.seed);
    entry.set("config", point.config);
    entry.set("origins", point.origins);
    points.push_back(std::move(entry));
  }
  tree.set("points", std::move(points));
  ValueList items;
  for (const PlanItem& item : plan.items) {
    Value entry = ValueMap{};
    entry.set("kind", item.kind == PlanItem::Kind::stage ? "stage" : "run");
    entry.set("point", static_cast<std::int64_t>(item.point));
    entry.set("stage", item.stage);
    entry.set("key", item.key);
    entry.set("label", item.label);
    ValueList after;
    for (const std::size_t index : item.after) after.push_back(static_cast<std::int64_t>(index));
    entry.set("after", std::move(after));
    items.push_back(std::move(entry));
  }
  tree.set("items", std::move(items));
  return to_json(tree);
}

namespace {

const Value& required(const Value& tree, const char* key, const std::string& where) {
  if (const Value* found = tree.find(key)) return *found;
  fail<DataError>(where, "the plan has no '{}'; write a new one by running the experiment", key);
}

}  // namespace

Plan plan_from_json(const std::string& text, const std::string& where) {
  const Value tree = parse_json(text, where);
  const auto string_of = [&](const Value& value, const char* key) { return required(value, key, where).as_string(); };
  Plan plan;
  plan.experiment = string_of(tree, "experiment");
  plan.about = string_of(tree, "about");
  plan.baseline = string_of(tree, "baseline");
  plan.results = string_of(tree, "results");
  for (const Value& folder : required(tree, "plugins", where).as_list()) plan.plugin_folders.emplace_back(folder.as_string());
  for (const Value& word : required(tree, "command_line", where).as_list()) plan.command_line.push_back(word.as_string());
  plan.git_revision = string_of(tree, "git_revision");
  plan.git_state = string_of(tree, "git_state");
  for (const Value& entry : required(tree, "points", where).as_list()) {
    SweepPoint point;
    point.run_id = string_of(entry, "run_id");
    point.block = string_of(entry, "block");
    point.variant = string_of(entry, "variant");
    point.seed = required(entry, "seed", where).as_int();
    point.config = required(entry, "config", where);
    point.origins = required(entry, "origins", where);
    plan.points.push_back(std::move(point));
  }
  for (const Value& entry : required(tree, "items", where).as_list()) {
    PlanItem item;
    item.kind = string_of(entry, "kind") == "stage" ? PlanItem::Kind::stage : PlanItem::Kind::run;
    item.point = static_cast<std::size_t>(required(entry, "point", where).as_int());
    item.stage = string_of(entry, "stage");
    item.key = string_of(entry, "key");
    item.label = string_of(entry, "label");
    for (const Value& index : required(entry, "after", where).as_list()) item.after.push_back(static_cast<std::size_t>(index.as_int()));
    plan.items.push_back(std::move(item));
  }
  return plan;
}

std::filesystem::path run_folder(const Plan& plan, const SweepPoint& point) { return plan.results / plan.experiment / point.run_id; }
std::filesystem::path cache_folder(const Plan& plan) { return plan.results / ".cache"; }

std::filesystem::path job_folder(const Plan& plan, const PlanItem& item) {
  const bool is_stage = item.kind == PlanItem::Kind::stage;
  return plan.results / plan.experiment / ".jobs" / (is_stage ? item.stage + "-" + item.key : plan.points.at(item.point).run_id);
}

}  // namespace symphony
