// experts.dense.
#include "tests/plugins/experts/plan_of.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("dense: no slots", "[plugin][experts.dense][known-value]") {
  const ExpertPlan plan = plan_of("dense", {}, {"code", "scripture"}, 0);
  CHECK(plan.slots.empty());
  CHECK_FALSE(plan.backbone_from);
  CHECK(plan.output_scale == 1.0);
}

TEST_CASE("dense: the plan is the same for any sources", "[plugin][experts.dense][invariant]") {
  CHECK(plan_of("dense", {}, {"a", "b", "c"}, 2).slots.empty());
  CHECK(plan_of("dense", {}, {"a"}, 0).slots.empty());
}

TEST_CASE("dense: takes no parameters", "[plugin][experts.dense][wrong-input]") {
  CHECK_THROWS_WITH(make_plugin<Experts>("dense", ValueMap{{"count", 2}}), Catch::Contains("unknown key 'count'"));
}

TEST_CASE("dense: keeps the plugin contract", "[plugin][experts.dense][contract]") { check_contract("experts", "dense"); }
