// A plan as JSON. Stages are referred to by their place in the list, configurations are stored as changes, so that ten thousand runs are some
// megabytes and a worker reads them at once.
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/json.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kVersion = 2;

Value numbers(const std::vector<std::size_t>& values) {
  ValueList list;
  for (const std::size_t value : values) list.emplace_back(static_cast<std::int64_t>(value));
  return list;
}

Value strings(const std::vector<std::string>& texts) { return ValueList(texts.begin(), texts.end()); }

/// A map of the plan's file; what it lacks is an error naming the file.
class Fields {
 public:
  Fields(const Value& map, const std::string& where) : map_(map), where_(where) {}

  const Value& at(const char* key) const {
    if (const Value* found = map_.is_map() ? map_.find(key) : nullptr) return *found;
    fail<DataError>(where_, "the plan has no '{}'; write a new one by running the experiment", key);
  }
  std::string text(const char* key) const { return at(key).as_string(); }
  std::int64_t number(const char* key) const { return at(key).as_int(); }
  std::uint64_t bytes(const char* key) const { return static_cast<std::uint64_t>(at(key).as_int()); }
  std::vector<std::size_t> numbers(const char* key, std::size_t limit) const {
    std::vector<std::size_t> values;
    for (const Value& value : at(key).as_list()) {
      values.push_back(static_cast<std::size_t>(value.as_int()));
      if (values.back() >= limit) fail<DataError>(where_, "'{}' names number {}, expected less than {}", key, values.back(), limit);
    }
    return values;
  }

 private:
  const Value& map_;
  const std::string& where_;
};

Value stage_value(const PlanStage& stage) {
  return ValueMap{{"name", stage.name},
                  {"key", stage.key},
                  {"label", stage.label},
                  {"inputs", numbers(stage.inputs)},
                  {"light", stage.cost.light},
                  {"kept_bytes", static_cast<std::int64_t>(stage.cost.kept_bytes)},
                  {"read_bytes", static_cast<std::int64_t>(stage.cost.read_bytes)},
                  {"peak_memory_bytes", static_cast<std::int64_t>(stage.cost.peak_memory_bytes)}};
}

Value point_value(const SweepPoint& point) {
  return ValueMap{{"run_id", point.run_id},   {"block", point.block},
                  {"variant", point.variant}, {"seed", point.seed},
                  {"hash", point.config_hash}, {"config", point.config_changes},
                  {"origins", point.origin_changes}, {"stages", numbers(point.stages)}};
}

Value item_value(const PlanItem& item) {
  const bool is_stage = item.kind == PlanItem::Kind::stage;
  return ValueMap{{"kind", is_stage ? "stage" : "run"},
                  {"point", static_cast<std::int64_t>(item.point)},
                  {"stage", static_cast<std::int64_t>(item.stage)},
                  {"after", numbers(item.after)},
                  {"peak_memory_bytes", static_cast<std::int64_t>(item.peak_memory_bytes)}};
}

}  // namespace

std::string plan_to_json(const Plan& plan) {
  std::vector<std::string> folders;
  for (const auto& folder : plan.plugin_folders) folders.push_back(folder.string());
  ValueList stages, points, items;
  for (const PlanStage& stage : plan.stages) stages.push_back(stage_value(stage));
  for (const SweepPoint& point : plan.points) points.push_back(point_value(point));
  for (const PlanItem& item : plan.items) items.push_back(item_value(item));
  return to_json(ValueMap{{"plan_version", kVersion},
                          {"experiment", plan.experiment},
                          {"about", plan.about},
                          {"baseline", plan.baseline},
                          {"results", plan.results.string()},
                          {"plugins", strings(folders)},
                          {"command_line", strings(plan.command_line)},
                          {"git_revision", plan.git_revision},
                          {"git_state", plan.git_state},
                          {"config", plan.base_config},
                          {"origins", plan.base_origins},
                          {"stages", std::move(stages)},
                          {"points", std::move(points)},
                          {"items", std::move(items)}});
}

Plan plan_from_json(const std::string& text, const std::string& where) {
  const Value tree = parse_json(text, where);
  const Fields top(tree, where);
  if (const std::int64_t version = top.number("plan_version"); version != kVersion)
    fail<DataError>(where, "the plan has version {}, expected {}; write a new one by running the experiment", version, kVersion);
  Plan plan;
  plan.experiment = top.text("experiment");
  plan.about = top.text("about");
  plan.baseline = top.text("baseline");
  plan.results = top.text("results");
  for (const Value& folder : top.at("plugins").as_list()) plan.plugin_folders.emplace_back(folder.as_string());
  for (const Value& word : top.at("command_line").as_list()) plan.command_line.push_back(word.as_string());
  plan.git_revision = top.text("git_revision");
  plan.git_state = top.text("git_state");
  plan.base_config = top.at("config");
  plan.base_origins = top.at("origins");
  for (const Value& entry : top.at("stages").as_list()) {
    const Fields stage(entry, where);
    plan.stages.push_back({stage.text("name"), stage.text("key"), stage.text("label"), stage.numbers("inputs", plan.stages.size()),
                           {stage.at("light").as_bool(), stage.bytes("kept_bytes"), stage.bytes("read_bytes"), stage.bytes("peak_memory_bytes")}});
  }
  for (const Value& entry : top.at("points").as_list()) {
    const Fields point(entry, where);
    plan.points.push_back({point.text("run_id"), point.text("block"), point.text("variant"), point.number("seed"), point.text("hash"), point.at("config"),
                           point.at("origins"), point.numbers("stages", plan.stages.size())});
  }
  const std::size_t num_items = top.at("items").as_list().size();
  for (const Value& entry : top.at("items").as_list()) {
    const Fields item(entry, where);
    plan.items.push_back({item.text("kind") == "stage" ? PlanItem::Kind::stage : PlanItem::Kind::run, static_cast<std::size_t>(item.number("point")),
                          static_cast<std::size_t>(item.number("stage")), item.numbers("after", num_items),
                          item.bytes("peak_memory_bytes")});
    const PlanItem& read = plan.items.back();
    if (read.point >= plan.points.size() || (read.kind == PlanItem::Kind::stage && read.stage >= plan.stages.size()))
      fail<DataError>(where, "item {} names a run or a stage that the plan does not have", plan.items.size() - 1);
  }
  return plan;
}

std::filesystem::path write_plan(const Plan& plan) {
  const std::string text = plan_to_json(plan);
  const std::filesystem::path folder = plan.results / plan.experiment, frozen = folder / ".plans";
  std::filesystem::create_directories(frozen);
  constexpr std::size_t kNameDigits = 16;
  const std::filesystem::path file = frozen / (sha256_hex(text).substr(0, kNameDigits) + ".json");
  if (!std::filesystem::exists(file)) atomic_write(file, text);
  atomic_write(folder / "plan.json", text);
  return file;
}

Plan read_plan(const std::filesystem::path& file) {
  constexpr std::uint64_t kLargestPlan = std::uint64_t{1} << 30;
  return plan_from_json(read_text(file, kLargestPlan), file.string());
}

}  // namespace symphony
