// What is left of a plan, as arrays.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/sweep/slurm.hpp"

using namespace symphony;

namespace {

/// start -> middle, left; two runs that need `left` and `middle`, and one that needs only `start`.
Plan example() {
  Plan plan;
  plan.experiment = "alignment";
  plan.results = "/somewhere/results";
  plan.base_config = ValueMap{{"threads", 3}};
  for (const char* name : {"left", "start", "middle"}) {
    PlanStage stage;
    stage.name = stage.label = name;
    stage.key = "0123";
    plan.stages.push_back(stage);
  }
  for (const char* name : {"run0", "run1", "run2"}) {
    SweepPoint point;
    point.run_id = name;
    point.config_changes = ValueList{};
    plan.points.push_back(point);
  }
  using Kind = PlanItem::Kind;
  plan.items = {{Kind::stage, 0, 0, {}},    {Kind::stage, 0, 1, {}}, {Kind::stage, 0, 2, {1}},
                {Kind::run, 0, 0, {0, 1, 2}}, {Kind::run, 1, 0, {0, 2}}, {Kind::run, 2, 0, {1}}};
  return plan;
}

std::string arrays_text(const SlurmPlan& plan) {
  std::string text;
  for (const SlurmArray& array : plan.arrays) text += fmt::format("{}: {} from {}; ", array.what, join(array.tasks, " "), array.first);
  return text;
}

}  // namespace

TEST_CASE("slurm: stages go by depth, runs come after all of them", "[core][sweep]") {
  const SlurmPlan plan = slurm_plan(example(), std::vector<bool>(6, false));
  CHECK(arrays_text(plan) == "2 shared stages: left start from 0; 1 shared stage: middle from 2; 3 runs: run0 run1 run2 from 3; ");
  CHECK(plan.plan.items[2].after == std::vector<std::size_t>{1});
}

TEST_CASE("slurm: what is done is left out, and nothing waits for it", "[core][sweep]") {
  const SlurmPlan plan = slurm_plan(example(), {true, true, false, false, true, false});
  CHECK(arrays_text(plan) == "1 shared stage: middle from 0; 2 runs: run0 run2 from 1; ");
  CHECK(plan.plan.items[0].after.empty());
  CHECK(plan.plan.items[1].after == std::vector<std::size_t>{0});
  CHECK(plan.plan.items[2].after.empty());
  CHECK(slurm_plan(example(), std::vector<bool>(6, true)).arrays.empty());
}

TEST_CASE("slurm: every task's label is that of the item it carries out", "[core][sweep]") {
  const SlurmPlan plan = slurm_plan(example(), {false, true, false, false, false, false});
  for (const SlurmArray& array : plan.arrays)
    for (std::size_t task = 0; task < array.tasks.size(); ++task) CHECK(plan.plan.label(plan.plan.items[array.first + task]) == array.tasks[task]);
}

TEST_CASE("slurm: no array exceeds what a cluster takes", "[core][sweep]") {
  Plan plan = example();
  plan.items.clear();
  for (std::size_t number = 0; number < 2 * kMaxArrayTasks + 5; ++number) plan.items.push_back({PlanItem::Kind::run, 0, 0, {}});
  const SlurmPlan arrays = slurm_plan(plan, std::vector<bool>(plan.items.size(), false));
  REQUIRE(arrays.arrays.size() == 3);
  CHECK(arrays.arrays[1].first == kMaxArrayTasks);
  CHECK(arrays.arrays[2].tasks.size() == 5);
}

TEST_CASE("slurm: a task gets the cores that its threads need", "[core][sweep]") {
  CHECK(fit_to_plan({}, example()).cpus == 3);
  SlurmSettings settings;
  settings.cpus = 8;
  CHECK(fit_to_plan(settings, example()).cpus == 8);
  settings.cpus = 2;
  CHECK_THROWS_WITH(fit_to_plan(settings, example()), "slurm.cpus: got 2, the experiment computes with 3 threads; expected at least as many");
}

TEST_CASE("slurm: the text of a submission shows each script and how it is submitted", "[core][sweep]") {
  const std::string text = submission_text(slurm_plan(example(), std::vector<bool>(6, false)), fit_to_plan({}, example()));
  CHECK_THAT(text, Catch::StartsWith("==> /somewhere/results/alignment/.slurm/1/array1.sh <==\n#!/bin/bash\n"));
  CHECK_THAT(text, Catch::Contains("==> sbatch --parsable /somewhere/results/alignment/.slurm/1/array1.sh\n"));
  CHECK_THAT(text, Catch::Contains("'--dependency=afterany:<job of array2.sh>' /somewhere/results/alignment/.slurm/1/array3.sh\n"));
  CHECK_THAT(text, Catch::Contains("--index $((3 + SLURM_ARRAY_TASK_ID)) &"));
}
