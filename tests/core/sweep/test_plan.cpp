// Plans: what survives the way through a file, which stages are shared, and what is said of runs that cannot be.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/sweep/plan.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;
namespace fs = std::filesystem;

namespace {

constexpr const char* kBase = R"(
name: small
domains:
  alpha: { command: [/bin/echo, alpha] }
  beta: { command: [/bin/echo, beta] }
recipes: { r: { training: { steps: 3 } } }
sources:
  anchor: alpha
  models:
    alpha: { train: { domain: alpha, recipe: r } }
    beta: { train: { domain: beta, recipe: r } }
)";

Plan plan_of(const std::string& text) {
  const fs::path folder = make_temporary_directory(fs::temp_directory_path(), "symphony_plan");
  atomic_write(folder / "e.yaml", kBase + text);
  PlanBuilder builder(plugin_registry());
  const Sweep sweep = expand_experiment({folder / "e.yaml", {}, {}}, plugin_registry(), [&](ResolvedPoint point) { builder.add(std::move(point)); });
  Plan plan = builder.finish();
  plan.experiment = sweep.name;
  plan.results = folder / "results";
  remove_tree(folder);
  return plan;
}

const char* const kSweep = "seeds: [1, 2]\nsweep: { variants: { none: {}, hash: { router: hash }, tokens: { calibration: { tokens: 100 } } } }\n";

std::size_t count_stages(const Plan& plan, const std::string& name) {
  return static_cast<std::size_t>(std::count_if(plan.stages.begin(), plan.stages.end(), [&](const PlanStage& stage) { return stage.name == name; }));
}

}  // namespace

TEST_CASE("a plan read back from its file is the plan", "[core][sweep]") {
  const Plan plan = plan_of(kSweep);
  const Plan copy = plan_from_json(plan_to_json(plan), "plan.json");
  CHECK(plan_to_json(copy) == plan_to_json(plan));
  REQUIRE(copy.points.size() == 6);
  for (std::size_t index = 0; index < plan.points.size(); ++index) {
    CHECK(copy.config(copy.points[index]) == plan.config(plan.points[index]));
    CHECK(copy.origins(copy.points[index]) == plan.origins(plan.points[index]));
  }
  CHECK(copy.config(copy.points[3]).find("router")->find("method")->as_string() == "hash");
  CHECK(copy.config(copy.points[3]).find("seed")->as_int() == 2);
}

TEST_CASE("a plan's runs say where their values were written", "[core][sweep]") {
  const Plan plan = plan_of(kSweep);
  const Value none = plan.origins(plan.points[0]), hash = plan.origins(plan.points[2]);
  CHECK(none.find("router.method") == nullptr);  // a default
  REQUIRE(hash.find("router.method"));
  CHECK_THAT(hash.find("router.method")->as_string(), Catch::EndsWith("e.yaml:13:48"));
}

TEST_CASE("stages that several runs need are jobs of their own, before the runs", "[core][sweep]") {
  const Plan plan = plan_of(kSweep);
  CHECK(count_stages(plan, "text") == 2);
  CHECK(count_stages(plan, "source") == 4);  // two sources, two seeds
  std::size_t runs = 0;
  for (std::size_t index = 0; index < plan.items.size(); ++index) {
    for (const std::size_t needed : plan.items[index].after) {
      CHECK(needed < index);
      CHECK(plan.items[needed].kind == PlanItem::Kind::stage);
    }
    runs += plan.items[index].kind == PlanItem::Kind::run ? 1 : 0;
  }
  CHECK(runs == 6);
}

TEST_CASE("a job reports where every plan that has the item looks for it", "[core][sweep]") {
  const Plan small = plan_of(""), large = plan_of(kSweep);
  const PlanItem& run = small.items.back();
  CHECK(job_folder(small, run).filename().string().starts_with("s1-"));
  for (const PlanItem& item : large.items)
    if (item.kind == PlanItem::Kind::stage) CHECK(job_folder(large, item).filename() == large.stages[item.stage].name + "-" + large.stages[item.stage].key);
}

TEST_CASE("what cannot run is a problem of the plan, all of it at once", "[core][sweep]") {
  const Plan plan = plan_of("sweep: { variants: { good: {}, gone: { sources: { models: { mine: { checkpoint: /no/such/folder } } } }, k: { router: { k: 1 } } } }\n");
  std::string all;
  for (const std::string& problem : plan.problems) all += problem + "\n";
  CHECK_THAT(all, Catch::Contains("run k.s1-"));
  CHECK_THAT(all, Catch::Contains("router.top_k: k is 1"));
  CHECK_THAT(all, Catch::Contains("no checkpoint directory '/no/such/folder'"));
  CHECK(plan.points.size() == 1);
}

TEST_CASE("text that is not there is a problem, once, and names its package", "[core][sweep]") {
  const Plan plan = plan_of("seeds: [1, 2]\nsweep: { variants: { a: { domains: { alpha: { package: [no-such-package] } } } } }\n");
  REQUIRE(plan.problems.size() == 1);
  CHECK_THAT(plan.problems[0], Catch::Contains("the package 'no-such-package' is not installed"));
}

TEST_CASE("a file that is no plan is refused by name", "[core][sweep]") {
  CHECK_THROWS_WITH(plan_from_json(R"({"experiment": "x"})", "plan.json"), Catch::Contains("plan.json: the plan has no 'plan_version'"));
  CHECK_THROWS_WITH(plan_from_json(R"({"plan_version": 1})", "plan.json"), Catch::Contains("the plan has version 1, expected 2; write a new one by running the experiment"));
}
