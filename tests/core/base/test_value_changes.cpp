// Trees as changes against another.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/value_changes.hpp"

using namespace symphony;

TEST_CASE("changes: equal trees have none", "[core][base]") {
  const Value tree = parse_json(R"({"a": {"b": [1, 2]}, "c": null})", "test");
  CHECK(changes_between(tree, tree).as_list().empty());
}

TEST_CASE("changes: the deepest map that differs is what is kept", "[core][base]") {
  const Value base = parse_json(R"({"seed": 1, "router": {"method": "top_k", "k": 2}, "list": [1, {"x": 1}]})", "test");
  const Value other = parse_json(R"({"seed": 2, "router": {"method": "top_k", "k": 3}, "list": [1, {"x": 2}]})", "test");
  CHECK(to_json(changes_between(base, other)) == R"([[["seed"],2],[["router","k"],3],[["list"],[1,{"x":2}]]])");
}

TEST_CASE("changes: applied to the base they give the other tree, key order included", "[core][base]") {
  const std::vector<std::string> trees{R"({"a": 1, "b": {"c": 1.5, "d": "x"}})", R"({"a": 1, "b": {"d": "x", "c": 1.5}})", R"({"a": {}, "b": {"c": [], "d": null}})",
                                       R"({"b": {"c": 1.5, "d": "x"}})", R"([1])", R"({"a": true, "b": 2})"};
  for (const std::string& from : trees)
    for (const std::string& to : trees) {
      CAPTURE(from, to);
      const Value base = parse_json(from, "test"), other = parse_json(to, "test");
      CHECK(to_json(apply_changes(base, changes_between(base, other))) == to_json(other));
    }
}

TEST_CASE("changes: what does not fit the base is refused", "[core][base]") {
  CHECK_THROWS_WITH(apply_changes(parse_json("{}", "test"), parse_json(R"([[["a"], 1]])", "test")), Catch::Contains("the tree has no the string 'a'"));
  CHECK_THROWS_WITH(apply_changes(parse_json("{}", "test"), Value(1)), Catch::Contains("expected a list, got the number 1"));
}
