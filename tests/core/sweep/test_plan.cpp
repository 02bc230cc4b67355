// Plans: what survives the way through a file.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/sweep/plan.hpp"

using namespace symphony;

namespace {

Plan example() {
  Plan plan;
  plan.experiment = "alignment";
  plan.about = "a question";
  plan.baseline = "none";
  plan.results = "/somewhere/results";
  plan.plugin_folders = {"/plugins"};
  plan.command_line = {"runner", "--exp", "a file.yaml"};
  plan.git_state = "clean";
  SweepPoint point;
  point.run_id = "none.s1-abc";
  point.variant = "none";
  point.seed = 3;
  point.config = ValueMap{{"threads", 1}, {"rate", 0.1}};
  point.origins = ValueMap{{"rate", "a.yaml:3:4"}};
  plan.points.push_back(point);
  PlanItem stage;
  stage.kind = PlanItem::Kind::stage;
  stage.stage = "source";
  stage.key = "0123";
  stage.label = "training code";
  PlanItem run;
  run.label = "none.s1-abc";
  run.after = {0};
  plan.items = {stage, run};
  return plan;
}

}  // namespace

TEST_CASE("a plan read back from its file is the plan", "[core][sweep]") {
  const Plan plan = example();
  const Plan copy = plan_from_json(plan_to_json(plan), "plan.json");
  CHECK(plan_to_json(copy) == plan_to_json(plan));
  CHECK(copy.points.front().config == plan.points.front().config);
  CHECK(copy.items[0].kind == PlanItem::Kind::stage);
  CHECK(copy.items[1].kind == PlanItem::Kind::run);
  CHECK(copy.items[1].after == std::vector<std::size_t>{0});
  CHECK(copy.command_line == plan.command_line);
}

TEST_CASE("a plan that lacks a part is refused by name", "[core][sweep]") {
  CHECK_THROWS_WITH(plan_from_json(R"({"experiment": "x"})", "plan.json"), Catch::Contains("plan.json: the plan has no 'about'"));
}

TEST_CASE("a job reports where every plan that has the item looks for it", "[core][sweep]") {
  Plan plan = example();
  CHECK(job_folder(plan, plan.items[0]) == "/somewhere/results/alignment/.jobs/source-0123");
  CHECK(job_folder(plan, plan.items[1]) == "/somewhere/results/alignment/.jobs/none.s1-abc");
  std::swap(plan.items[0], plan.items[1]);
  CHECK(job_folder(plan, plan.items[0]) == "/somewhere/results/alignment/.jobs/none.s1-abc");
}
