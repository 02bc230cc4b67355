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

TEST_CASE("sizes are read in binary and decimal units", "[core][base]") {
  CHECK(parse_bytes("12GiB", "--memory") == std::uint64_t{12} << 30);
  CHECK(parse_bytes("1.5 KiB", "--memory") == 1536);
  CHECK(parse_bytes("500 MB", "--memory") == 500'000'000);
  CHECK(parse_bytes("2g", "--memory") == 2'000'000'000);
  CHECK(parse_bytes("4096", "--memory") == 4096);
  for (const char* wrong : {"", "x", "-1", "12 GiBs", "1e30", "GiB"})
    CHECK_THROWS_WITH(parse_bytes(wrong, "--memory"), Catch::StartsWith("--memory: got '") && Catch::Contains("expected a size such as 12GiB"));
}
