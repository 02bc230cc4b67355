// A sweep's table: means, spreads, paired differences, what is chosen and in which order.
#include <catch2/catch.hpp>

#include <cmath>

#include "core/app/table_formats.hpp"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "tests/core/app/sweep_folder.hpp"

using namespace symphony;
using Catch::Contains;

namespace {

// Student's t with 2 and with 3 degrees of freedom at 0.975, from tables.
constexpr double kT2 = 4.302652729911275, kT3 = 3.182446305284263;

const VariantRow& row_of(const SweepTable& table, const std::string& name, const std::string& block = "") {
  for (const VariantRow& row : table.rows)
    if (row.full_name() == name && row.block == block) return row;
  FAIL("no row " << name);
  return table.rows.front();
}

const MetricCells& cells(const SweepTable& table, const std::string& name) { return row_of(table, name).metrics.front(); }

std::vector<std::string> names(const SweepTable& table) {
  std::vector<std::string> result;
  for (const VariantRow& row : table.rows) result.push_back(row.full_name());
  return result;
}

std::string refusal(const SweepRuns& sweep, const TableRequest& request) {
  try {
    make_table(sweep, request);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("table: three seeds give mean, standard deviation and a paired t interval", "[core][app]") {
  SweepFolder folder("a");
  const std::vector<double> a{1.0, 2.0, 4.0}, differences{0.1, 0.2, 0.6};
  for (std::size_t index = 0; index < 3; ++index) {
    const auto seed = static_cast<std::int64_t>(index + 1);
    folder.add("", "a", seed, {a[index], 0.5, {}});
    folder.add("", "b", seed, {a[index] + differences[index], 0.5, {}});
  }
  const auto sweep = folder.read();
  const SweepTable table = make_table(*sweep);
  CHECK(table.points == std::vector<std::string>{"step_0", "post"});
  const auto& post = *cells(table, "a").points.back();
  CHECK(post.mean == Approx(7.0 / 3.0));
  CHECK(*post.spread == Approx(std::sqrt(7.0 / 3.0)));  // deviations -4/3, -1/3, 5/3: their squares sum to 14/3, over n - 1 = 2
  CHECK(post.seeds == 3);
  CHECK(cells(table, "a").points.front()->mean == Approx(10.0 / 3.0));
  CHECK(cells(table, "a").out_of_distribution->mean == Approx(7.0 / 3.0 + 0.5));

  const auto& difference = *cells(table, "b").difference;
  CHECK(difference.mean == Approx(0.3));
  CHECK(difference.half_width == Approx(kT2 * std::sqrt(0.07) / std::sqrt(3.0)));  // variance (0.04 + 0.01 + 0.09) / 2
  REQUIRE(difference.by_seed.size() == 3);
  CHECK(difference.by_seed[2] == Approx(0.6));
  CHECK_FALSE(cells(table, "a").difference);
  CHECK_THAT(format_table(table, "text"), Contains("by seed") && Contains("+0.100 +0.200 +0.600") && Contains("baseline"));
}

TEST_CASE("table: seeds that only one of the two has are no pairs", "[core][app]") {
  SweepFolder folder("a");
  for (const int seed : {1, 2, 3}) folder.add("", "a", seed, {1.0 * seed, 0.0, {}});
  for (const int seed : {2, 3, 4}) folder.add("", "b", seed, {1.0 * seed + 0.5, 0.0, {}});
  const auto sweep = folder.read();
  const SweepTable table = make_table(*sweep);
  CHECK(cells(table, "b").difference->seeds == 2);
  CHECK(cells(table, "b").difference->mean == Approx(0.5));
  CHECK(row_of(table, "b").seeds == 3);
}

TEST_CASE("table: one seed has an interval over windows, and its spread is unknown", "[core][app]") {
  SweepFolder folder("a");
  folder.add("", "a", 1, {1.0, 0.0, {1.0F, 2.0F, 3.0F, 4.0F}});
  folder.add("", "b", 1, {1.5, 0.0, {1.0F, 2.5F, 3.5F, 5.0F}});
  folder.add("", "c", 1, {1.5, 0.0, {}});
  const auto sweep = folder.read();
  const SweepTable table = make_table(*sweep);
  CHECK_FALSE(cells(table, "a").points.back()->spread);
  const auto& difference = *cells(table, "b").difference;
  CHECK(difference.mean == Approx(0.5));
  CHECK(difference.half_width == Approx(kT3 * std::sqrt(0.5 / 3.0) / 2.0));  // window differences 0, 0.5, 0.5, 1
  CHECK(std::isnan(cells(table, "c").difference->half_width));

  const std::string text = format_table(table, "text");
  CHECK_THAT(text, !Contains("+- 0.000") && !Contains("nan") && Contains("+0.500 (spread unknown)"));
  CHECK_THAT(table_caption(table), Contains("spread unknown"));
  CHECK_THAT(format_table(table, "csv"), Contains("c,2.5,,1.5,,2,,0.5,,1,1\n"));
  const Value json = parse_json(format_table(table, "json"), "table");
  const Value& loss = *json.find("rows")->as_list()[2].find("metrics")->find("loss");
  CHECK(loss.find("points")->find("post")->find("spread")->is_null());
  CHECK(loss.find("difference")->find("half_width")->is_null());
  CHECK(loss.find("difference")->find("over")->as_string() == "windows");
}

TEST_CASE("table: windows pair with those of a model that ended at an earlier point", "[core][app]") {
  SweepFolder folder("a");
  folder.add("", "a", 1, {1.0, 0.5, {1.0F, 2.0F, 3.0F, 4.0F}});
  folder.add("", "b", 1, {1.5, 0.5, {1.0F, 2.5F, 3.5F, 5.0F}, {}, /*ends_untrained=*/true});
  const auto sweep = folder.read();
  const auto difference = difference_between(*sweep, make_table(*sweep).metrics.front(), "", "b", "a");
  REQUIRE(difference);
  CHECK(difference->mean == Approx(0.5));
  CHECK(difference->half_width == Approx(kT3 * std::sqrt(0.5 / 3.0) / 2.0));  // window differences 0, 0.5, 0.5, 1
}

TEST_CASE("table: windows of two domains pair within their domain, and domains weigh the same", "[core][app]") {
  // tests/analysis/test_statistics.py has the same windows and the same numbers, by SciPy 1.10 with 6 degrees of freedom.
  SweepFolder folder("a");
  folder.add("", "a", 1, {.loss = 1.0, .windows = {1.0F, 3.0F, 5.0F}, .code_windows = {1.0F, 2.0F, 3.0F, 4.0F}});
  folder.add("", "b", 1, {.loss = 1.5, .windows = {2.0F, 4.0F, 7.0F}, .code_windows = {0.5F, 2.0F, 3.5F, 5.0F}});
  const auto sweep = folder.read();
  const auto difference = difference_between(*sweep, make_table(*sweep).metrics.front(), "", "b", "a");
  REQUIRE(difference);
  CHECK(difference->mean == Approx(0.5));  // of the rows
  CHECK(difference->half_width == Approx(0.5676595246120351));
  CHECK(difference->p == Approx(0.07456261498151225));
}

TEST_CASE("table: windows rounded alike tell nothing of a smaller difference", "[core][app]") {
  SweepFolder folder("a");
  folder.add("", "a", 1, {.loss = 1.0, .windows = {1.0F, 2.0F, 3.0F}});
  folder.add("", "b", 1, {.loss = 1.0 + 1e-9, .windows = {1.0F, 2.0F, 3.0F}});
  const auto sweep = folder.read();
  const auto difference = difference_between(*sweep, make_table(*sweep).metrics.front(), "", "b", "a");
  REQUIRE(difference);
  CHECK(difference->half_width == 0.0);
  CHECK(difference->p == 1.0);
}

TEST_CASE("table: windows that may be others pair no runs", "[core][app]") {
  SweepFolder folder("a");
  const std::vector<float> three{1.0F, 2.0F, 4.0F};
  folder.add("", "a", 1, {.loss = 1.0, .windows = {1.0F, 1.0F, 1.0F}});
  folder.add("", "same", 1, {.loss = 1.5, .windows = three});
  folder.add("", "other_windows", 1, {.loss = 1.5, .windows = three, .window_hash = "of windows of another length"});
  folder.add("", "older_file", 1, {.loss = 1.5, .windows = three, .window_hash = ""});
  folder.add("", "older_file_too", 1, {.loss = 1.5, .windows = three, .window_hash = ""});
  folder.add("", "another_domain", 1, {.loss = 1.5, .windows = three, .code_windows = three});
  const auto sweep = folder.read();
  const auto half_width = [&](const std::string& variant, const std::string& against) {
    return difference_between(*sweep, make_table(*sweep).metrics.front(), "", variant, against)->half_width;
  };
  CHECK(half_width("same", "a") == Approx(kT2 * std::sqrt(7.0 / 9.0)));  // differences 0, 1, 3: variance 7/3 of three
  for (const char* variant : {"other_windows", "older_file", "another_domain"}) {
    CAPTURE(variant);
    CHECK(std::isnan(half_width(variant, "a")));
    CHECK(std::isnan(half_width("a", variant)));
  }
  CHECK(std::isnan(half_width("older_file", "older_file_too")));
}

TEST_CASE("table: domains of a single window leave the spread unknown", "[core][app]") {
  SweepFolder folder("a");
  folder.add("", "a", 1, {.loss = 1.0, .windows = {1.0F}, .code_windows = {2.0F}});
  folder.add("", "b", 1, {.loss = 1.5, .windows = {2.0F}, .code_windows = {2.5F}});
  const auto sweep = folder.read();
  const auto difference = difference_between(*sweep, make_table(*sweep).metrics.front(), "", "b", "a");
  REQUIRE(difference);
  CHECK(std::isnan(difference->half_width));
  CHECK(std::isnan(difference->p));
}

TEST_CASE("table: the first metric that has a direction leads, others are asked for by name", "[core][app]") {
  SweepFolder folder;
  folder.add("", "a", 1, {1.0, 0.25, {}});
  const auto sweep = folder.read();
  CHECK(make_table(*sweep).metrics.front().name() == "loss");
  const SweepTable table = make_table(*sweep, {{"accuracy", "text/loss", "width"}, ""});
  CHECK(row_of(table, "a").metrics[0].points.back()->mean == Approx(0.25));
  CHECK(row_of(table, "a").metrics[1].points.back()->mean == Approx(1.0));
  CHECK_THAT(format_table(table, "text"), Contains("accuracy post") && Contains("text/loss post") && Contains("width post"));
  CHECK(refusal(*sweep, {{"accurcy"}, ""}) == "--metrics: no run has 'accurcy'; did you mean 'accuracy'?");
  CHECK(refusal(*sweep, {{}, "b"}) == "--baseline: no variant 'b'; did you mean 'a'?");
}

TEST_CASE("table: rows are ordered best first, by the metric's direction", "[core][app]") {
  SweepFolder folder("a");
  folder.add("", "a", 1, {2.0, 0.3, {}});
  folder.add("", "b", 1, {1.5, 0.1, {}});
  folder.add("", "c", 1, {3.0, 0.2, {}});
  folder.add_pending("d", 1);
  const auto sweep = folder.read();
  SweepTable table = make_table(*sweep);
  sort_rows(table, "post");
  CHECK(names(table) == std::vector<std::string>{"ensemble", "b", "a", "c", "d"});
  sort_rows(table, "difference");
  CHECK(names(table) == std::vector<std::string>{"b", "c", "ensemble", "a", "d"});
  SweepTable accuracy = make_table(*sweep, {{"accuracy"}, ""});
  sort_rows(accuracy, "post");
  CHECK(names(accuracy) == std::vector<std::string>{"a", "c", "b", "d", "ensemble"});
  CHECK_THROWS_WITH(sort_rows(table, "pst"), "--sort: no column 'pst'; did you mean 'post'?");
}

TEST_CASE("table: rivals of variants that merge other sources have rows of their own", "[core][app]") {
  SweepFolder folder;
  const auto use = [](const char* source) { return Value(ValueMap{{"sources", ValueMap{{"use", ValueList{source}}}}}); };
  folder.config = use("four");
  folder.add("", "four", 1, {2.0, 0.0, {}}, 1.25);
  folder.add("", "four_again", 1, {2.0, 0.0, {}}, 1.25);
  folder.config = use("two");
  folder.add("", "two", 1, {2.0, 0.0, {}}, 1.75);
  folder.config = use("same ensemble");
  folder.add("", "three", 1, {2.0, 0.0, {}}, 1.25);
  const auto sweep = folder.read();
  const SweepTable table = make_table(*sweep);
  CHECK(names(table) == std::vector<std::string>{"four", "four_again", "two", "three", "ensemble", "ensemble of two"});
  CHECK(cells(table, "ensemble of two").points.back()->mean == Approx(1.75));
  CHECK_THAT(format_table(table, "markdown"), Contains("| (ensemble of two) | - | 1.750 |"));
}

TEST_CASE("table: a sweep without finished runs has no rows, and a bad format is refused", "[core][app]") {
  SweepFolder folder;
  folder.add_pending("a", 1);
  const auto sweep = folder.read();
  CHECK(make_table(*sweep).rows.empty());
  CHECK(sweep->unfinished == std::vector<std::string>{"a.s1: pending"});
  CHECK_THROWS_WITH(format_table(make_table(*sweep), "jsno"), "--format: got 'jsno', expected text, markdown, csv or json; did you mean 'json'?");
}
