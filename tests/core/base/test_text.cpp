// Words for messages.
#include <catch2/catch.hpp>

#include "core/base/text.hpp"

using namespace symphony;

TEST_CASE("edit distance counts a transposition once", "[core][base]") {
  CHECK(edit_distance("scope", "scpoe") == 1);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("Router", "router") == 0);
}

TEST_CASE("the nearest name is offered only when it is near", "[core][base]") {
  const std::vector<std::string> names{"alignment", "fusion", "router"};
  CHECK(nearest_name("aligment", names) == "alignment");
  CHECK_FALSE(nearest_name("zzz", names));
  CHECK(name_hint("fuson", names) == "did you mean 'fusion'?");
  CHECK(name_hint("zzz", names) == "known: alignment, fusion, router");
}
