// experts.upcycle.
#include "tests/plugins/experts/plan_of.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("upcycle: as many copies of the anchor as there are sources", "[plugin][experts.upcycle][known-value]") {
  const ExpertPlan plan = plan_of("upcycle", {}, {"code", "scripture", "maths"}, 1);
  REQUIRE(plan.slots.size() == 3);
  for (const ExpertSlot& slot : plan.slots) CHECK(slot.source == 1);
  CHECK(plan.slots[0].label == "scripture");
  CHECK(plan.slots[2].label == "scripture copy 3");
  CHECK(plan.backbone_from == std::optional<std::size_t>(1));
  CHECK(plan.noise == 0.0);
}

TEST_CASE("upcycle: count and noise are taken over", "[plugin][experts.upcycle][known-value]") {
  const ExpertPlan plan = plan_of("upcycle", ValueMap{{"count", 5}, {"noise", 0.01}, {"reinitialised", 0.5}}, {"code", "scripture"}, 0);
  CHECK(plan.slots.size() == 5);
  CHECK(plan.noise == 0.01);
  CHECK(plan.reinitialised == 0.5);
}

TEST_CASE("upcycle: the plan depends on nothing but the anchor and the count", "[plugin][experts.upcycle][invariant]") {
  const ExpertPlan one = plan_of("upcycle", ValueMap{{"count", 3}}, {"a"}, 0), many = plan_of("upcycle", ValueMap{{"count", 3}}, {"a", "b", "c", "d"}, 0);
  REQUIRE(one.slots.size() == many.slots.size());
  for (std::size_t slot_idx = 0; slot_idx < 3; ++slot_idx) CHECK(one.slots[slot_idx].label == many.slots[slot_idx].label);
}

TEST_CASE("upcycle: refuses negative noise and counts", "[plugin][experts.upcycle][wrong-input]") {
  CHECK_THROWS_WITH(make_plugin<Experts>("upcycle", ValueMap{{"noise", -0.1}}), Catch::Contains("noise"));
  CHECK_THROWS_WITH(make_plugin<Experts>("upcycle", ValueMap{{"count", -1}}), Catch::Contains("count"));
  CHECK_THROWS_WITH(make_plugin<Experts>("upcycle", ValueMap{{"reinitialised", 1.5}}), Catch::Contains("reinitialised"));
}

TEST_CASE("upcycle: keeps the plugin contract", "[plugin][experts.upcycle][contract]") { check_contract("experts", "upcycle"); }
