// experts.separate.
#include "tests/plugins/experts/plan_of.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("separate: one slot a source, in order", "[plugin][experts.separate][known-value]") {
  const ExpertPlan plan = plan_of("separate", {}, {"code", "scripture", "maths"}, 1);
  REQUIRE(plan.slots.size() == 3);
  for (std::size_t slot_idx = 0; slot_idx < 3; ++slot_idx) {
    CHECK(plan.slots[slot_idx].kind == ExpertKind::ffn);
    CHECK(plan.slots[slot_idx].source == slot_idx);
  }
  CHECK(plan.slots[1].label == "scripture");
  CHECK(plan.output_scale == 1.0);
  CHECK(plan.noise == 0.0);
  CHECK_FALSE(plan.backbone_from);
}

TEST_CASE("separate: the anchor does not matter", "[plugin][experts.separate][invariant]") {
  const ExpertPlan first = plan_of("separate", {}, {"a", "b"}, 0), second = plan_of("separate", {}, {"a", "b"}, 1);
  REQUIRE(first.slots.size() == second.slots.size());
  for (std::size_t slot_idx = 0; slot_idx < 2; ++slot_idx) CHECK(first.slots[slot_idx].source == second.slots[slot_idx].source);
}

TEST_CASE("separate: takes no parameters", "[plugin][experts.separate][wrong-input]") {
  CHECK_THROWS_WITH(make_plugin<Experts>("separate", ValueMap{{"count", 2}}), Catch::Contains("unknown key 'count'"));
}

TEST_CASE("separate: keeps the plugin contract", "[plugin][experts.separate][contract]") { check_contract("experts", "separate"); }
