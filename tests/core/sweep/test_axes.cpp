// Axes: what each shape spans, and what is refused.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/config/document.hpp"
#include "core/sweep/axes.hpp"

using namespace symphony;

namespace {

std::vector<AxisPoint> points(const std::string& yaml, std::uint64_t seed = 1) {
  Mistakes mistakes;
  const auto result = read_axes(parse_document(yaml, "e.yaml"), seed, {"sweep"}, mistakes);
  mistakes.raise();
  return result;
}

std::vector<std::string> labels(const std::string& yaml, std::uint64_t seed = 1) {
  std::vector<std::string> result;
  for (const AxisPoint& point : points(yaml, seed)) result.push_back(point_label(point));
  return result;
}

std::string refusal(const std::string& yaml) {
  Mistakes mistakes;
  read_axes(parse_document(yaml, "e.yaml"), 1, {"sweep"}, mistakes);
  std::string text;
  for (const std::string& line : mistakes.lines()) text += line + "\n";
  return text;
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("axes: none span one point that sets nothing", "[core][sweep]") {
  REQUIRE(points("{}").size() == 1);
  CHECK(points("{}").front().empty());
}

TEST_CASE("axes: a grid is every combination, the last key fastest", "[core][sweep]") {
  CHECK(labels("grid: { a.x: [1, 2], b.y: [p, q] }") == Labels{"x=1,y=p", "x=1,y=q", "x=2,y=p", "x=2,y=q"});
}

TEST_CASE("axes: a zip goes one step at a time", "[core][sweep]") {
  CHECK(labels("zip: { a: [1, 2], b: [3, 4] }") == Labels{"a=1,b=3", "a=2,b=4"});
  CHECK_THAT(refusal("zip: { a: [1, 2], b: [3] }"), Catch::Contains("e.yaml:1:22: sweep.zip.b: has 1 values, expected 2 as 'a' has"));
}

TEST_CASE("axes: a list is its points, and may set parts in one and the whole in another", "[core][sweep]") {
  CHECK(labels("list: [ { router: switch }, { router.k: 2, b: true } ]") == Labels{"router=switch", "k=2,b=true"});
}

TEST_CASE("axes: shapes multiply in the order written", "[core][sweep]") {
  CHECK(labels("{ zip: { a: [1, 2] }, grid: { b: [3, 4] } }") == Labels{"a=1,b=3", "a=1,b=4", "a=2,b=3", "a=2,b=4"});
  CHECK(labels("{ grid: { b: [3, 4] }, zip: { a: [1, 2] } }") == Labels{"b=3,a=1", "b=3,a=2", "b=4,a=1", "b=4,a=2"});
}

TEST_CASE("axes: labels use the whole path where the last parts are equal", "[core][sweep]") {
  CHECK(labels("grid: { a.k: [1], b.k: [[x, y]] }") == Labels{"a.k=1,b.k=x+y"});
}

TEST_CASE("axes: excluded points are dropped, and a rule that drops none is a mistake", "[core][sweep]") {
  CHECK(labels("{ grid: { a: [1, 2], b: [1, 2] }, exclude: [ { a: 1, b: 2 }, { b: 1 } ] }") == Labels{"a=2,b=2"});
  CHECK_THAT(refusal("{ grid: { a: [1, 2] }, exclude: [ { a: 3 } ] }"), Catch::Contains("sweep.exclude[0]: excludes no point"));
}

TEST_CASE("axes: random samples come from the seed, each setting from a stream of its own", "[core][sweep]") {
  const std::string space = "a: { uniform: [0, 1] }, b: { log_uniform: [1e-4, 1] }, c: { integer: [1, 8] }, d: { choice: [x, y, z] }";
  const std::string yaml = "random: { samples: 200, space: { " + space + " } }";
  CHECK(labels(yaml, 3) == labels(yaml, 3));
  CHECK(labels(yaml, 3) != labels(yaml, 4));
  CHECK(labels(yaml, 4) == labels("random: { samples: 200, seed: 4, space: { " + space + " } }", 3));
  double below = 0.0;
  bool seen_first = false, seen_last = false;
  for (const AxisPoint& point : points(yaml)) {
    const double b = point[1].value.scalar.as_double();
    CHECK((b >= 1e-4 && b < 1.0));
    below += b < 1e-2 ? 1.0 : 0.0;  // half of the decades
    const auto c = point[2].value.scalar.as_int();
    CHECK((c >= 1 && c <= 8));
    seen_first |= c == 1;
    seen_last |= c == 8;
  }
  CHECK(below / 200.0 == Approx(0.5).margin(0.12));  // 3.4 standard deviations
  CHECK(seen_first);
  CHECK(seen_last);
  // A setting more leaves the others' draws as they were.
  const auto alone = points("random: { samples: 3, space: { a: { uniform: [0, 1] } } }");
  for (std::size_t row = 0; row < 3; ++row) CHECK(alone[row][0].value.scalar == points(yaml)[row][0].value.scalar);
}

TEST_CASE("axes: what is wrong is told at its place", "[core][sweep]") {
  CHECK_THAT(refusal("grid: { a: 1 }"), Catch::Contains("e.yaml:1:12: sweep.grid.a: expected a list of values, got"));
  CHECK_THAT(refusal("grid: [1]"), Catch::Contains("expected a map of settings to lists of values, got a list of 1"));
  CHECK_THAT(refusal("{ grid: { a: [1] }, zip: { a: [2] } }"), Catch::Contains("sweep.zip.a: 'a' is varied twice, first at e.yaml:1:11"));
  CHECK_THAT(refusal("{ grid: { router: [switch] }, list: [ { router.k: 1 } ] }"), Catch::Contains("'router.k' and 'router' (at e.yaml:1:11) overlap; vary them in one `list`"));
  CHECK_THAT(refusal("random: { samples: 2, space: { a: { unifrom: [0, 1] } } }"), Catch::Contains("unknown distribution 'unifrom'; did you mean 'uniform'?"));
  CHECK_THAT(refusal("random: { samples: 2, space: { a: { log_uniform: [0, 1] } } }"), Catch::Contains("expected [low, high] with low at most high and both above 0, got [0,1]"));
  CHECK_THAT(refusal("random: { samples: 0, space: {} }"), Catch::Contains("expected a whole number of at least 1, got the number 0"));
  CHECK_THAT(refusal("random: { samples: 1 }"), Catch::Contains("misses the key 'space'"));
}
