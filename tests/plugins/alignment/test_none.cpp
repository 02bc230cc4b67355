// The control: nothing moves.
#include "tests/plugins/alignment/planted.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("none: every source gets the empty set", "[plugin][alignment.none][known-value]") {
  const auto none = make_plugin<Alignment>("none");
  const Aligned found = align(*none, random_model(planted_spec(), 1), random_model(planted_spec(), 2));
  CHECK(found.set.empty());
  CHECK(found.records.arrays.empty());
}

TEST_CASE("none: sources stay bit for bit and are exact", "[plugin][alignment.none][invariant]") {
  const auto none = make_plugin<Alignment>("none");
  const Model source = random_model(planted_spec(), 2);
  CHECK(largest_difference(source, align(*none, random_model(planted_spec(), 1), source).model) == 0);
  CHECK_FALSE(none->approximate());
  CHECK(none->needs(planted_spec()).empty());
}

TEST_CASE("none: takes no parameter, not even a scope", "[plugin][alignment.none][wrong-input]") {
  CHECK_THAT(refusal_of("alignment", "none", ValueMap{{"scope", "ffn"}}), Catch::Contains("unknown key 'scope'"));
}

TEST_CASE("none: keeps the plugin contract", "[plugin][alignment.none][contract]") { check_contract("alignment", "none"); }
