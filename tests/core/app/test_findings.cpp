// The sentences under a table.
#include <catch2/catch.hpp>

#include <cmath>

#include "core/app/findings.hpp"
#include "tests/core/app/sweep_folder.hpp"

using namespace symphony;
using Catch::Contains;

namespace {

Value question(const char* variant, const char* against, ValueList noise = {}, const char* published = "") {
  return ValueMap{{"ask", "Is it so?"}, {"variant", variant}, {"against", against}, {"noise", std::move(noise)}, {"published", published}};
}

std::string answers(SweepFolder& folder, const TableRequest& request = {}) {
  const auto sweep = folder.read();
  return findings(*sweep, make_table(*sweep, request));
}

void add_seeds(SweepFolder& folder, const std::string& variant, const MadeNumbers& numbers, double step) {
  for (const int seed : {1, 2, 3}) {
    const double shift = step * seed;
    folder.add("", variant, seed, {numbers.loss + shift, numbers.accuracy + shift, {}});
  }
}

}  // namespace

TEST_CASE("findings: better is what the metric calls better", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a")}}};
  add_seeds(folder, "a", {1.0, 0.5, {}}, 0.0);
  add_seeds(folder, "b", {2.0, 0.8, {}}, 0.01);
  CHECK_THAT(answers(folder), Contains("yes, worse: b against a: +1.02"));
  CHECK_THAT(answers(folder, {{"accuracy"}, ""}), Contains("yes, better: b against a: +0.32"));
  CHECK_THAT(answers(folder), Contains("after post, best first: a 1.000, b 2.020"));
  CHECK_THAT(answers(folder, {{"accuracy"}, ""}), Contains("after post, best first: b 0.820, a 0.500"));
}

TEST_CASE("findings: a difference within what rounding does is none", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a", {"one_ulp"})}}};
  add_seeds(folder, "a", {1.0, 0.5, {}}, 0.0);
  add_seeds(folder, "b", {1.001, 0.5, {}}, 0.0);
  add_seeds(folder, "one_ulp", {1.001, 0.5, {}}, 0.0);
  CHECK_THAT(answers(folder), Contains("no difference beyond rounding: b against a") && Contains("up to 1.0e-03 (3 draws)"));
}

TEST_CASE("findings: differences that cancel over the seeds are not rounding", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a", {"one_ulp"})}}};
  add_seeds(folder, "a", {1.0, 0.5, {}}, 0.0);
  add_seeds(folder, "b", {0.8, 0.5, {}}, 0.1);  // 0.9, 1.0, 1.1
  add_seeds(folder, "one_ulp", {1.001, 0.5, {}}, 0.0);
  CHECK_THAT(answers(folder), Contains("no significant difference: b against a"));
}

TEST_CASE("findings: several questions are corrected together", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a"), question("c", "a"), question("d", "a")}}};
  const auto add = [&folder](const std::string& variant, std::initializer_list<double> losses) {
    int seed = 0;
    for (const double loss : losses) folder.add("", variant, ++seed, {loss, 0.5, {}});
  };
  // t of the differences over three seeds: 100 (p 1e-4), 6 (p 0.027, 0.053 as the middle of three), 0.05.
  add("a", {1.0, 1.0, 1.0});
  add("b", {2.0 - 0.01 * std::sqrt(3.0), 2.0, 2.0 + 0.01 * std::sqrt(3.0)});
  add("c", {0.4 - 0.1 * std::sqrt(3.0), 0.4, 0.4 + 0.1 * std::sqrt(3.0)});
  add("d", {0.9, 1.005, 1.11});
  const std::string text = answers(folder);
  CAPTURE(text);
  CHECK_THAT(text, Contains("yes, worse: b against a: +1.0000 +- 0.0430 (95 % t interval over 3 seeds), p < 0.001, p < 0.001 corrected for 3 comparisons"));
  CHECK_THAT(text, Contains("better, but not significantly after correction: c against a: -0.6000 +- 0.4303 (95 % t interval over 3 seeds), "
                            "p 0.027, p 0.053 corrected for 3 comparisons"));
  CHECK_THAT(text, Contains("no significant difference: d against a: +0.0050 +- 0.2608 (95 % t interval over 3 seeds), p 0.942"));
}

TEST_CASE("findings: a control of rounding is no comparison to correct for", "[core][app]") {
  // tests/analysis/test_report.py asks the same of the report.
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a", {"one_ulp"}), question("one_ulp", "a", {"one_ulp"})}}};
  add_seeds(folder, "a", {1.0, 0.5, {}}, 0.0);
  add_seeds(folder, "b", {2.0, 0.5, {}}, 0.01);
  add_seeds(folder, "one_ulp", {1.001, 0.5, {}}, 1e-4);
  const std::string text = answers(folder);
  CAPTURE(text);
  CHECK_THAT(text, Contains("yes, worse: b against a: +1.02") && Contains("shows rounding: one_ulp against a: +0.001") && !Contains("corrected for"));
}

TEST_CASE("findings: runs with equal numbers are identical", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a")}}};
  add_seeds(folder, "a", {1.0, 0.5, {}}, 0.01);
  add_seeds(folder, "b", {1.0, 0.5, {}}, 0.01);
  CHECK_THAT(answers(folder), Contains("identical: b against a\n"));
}

TEST_CASE("findings: rounding is measured on the baseline, whatever is compared", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("c", "b", {"one_ulp"})}}};
  add_seeds(folder, "a", {1.0, 0.5, {}}, 0.0);
  add_seeds(folder, "b", {2.0, 0.5, {}}, 0.0);
  add_seeds(folder, "c", {3.0, 0.5, {}}, 0.01);
  add_seeds(folder, "one_ulp", {1.001, 0.5, {}}, 0.0);
  CHECK_THAT(answers(folder), Contains("yes, worse: c against b: +1.02") && Contains("up to 1.0e-03 (3 draws)"));
}

TEST_CASE("findings: what a publication says stands beside the answer, and nothing is asked of variants that a block lacks", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a", {}, "44.07 against 33.94"), question("c", "a")}}};
  add_seeds(folder, "a", {1.0, 0.5, {}}, 0.0);
  folder.add_pending("b", 1);
  const std::string text = answers(folder);
  CHECK_THAT(text, Contains("    not measured yet\n    published: 44.07 against 33.94\n"));
  CHECK(text.find("Is it so?") == text.rfind("Is it so?"));
}

TEST_CASE("findings: a run whose alignment is approximate says what that did to its sources", "[core][app]") {
  SweepFolder folder("a");
  folder.add("", "a", 1, {1.0, 0.5, {}});
  folder.add("", "b", 1, {.loss = 1.5, .accuracy = 0.5, .approximate = "beta: logits by 0.2 of the largest, loss by 0.03 nats a token"});
  const std::string text = answers(folder);
  CHECK_THAT(text, Contains("  approximate alignment, b.s1: beta: logits by 0.2 of the largest, loss by 0.03 nats a token\n"));
  CHECK_THAT(text, !Contains("approximate alignment, a"));
}

TEST_CASE("findings: one seed without windows answers without a margin", "[core][app]") {
  SweepFolder folder("a");
  folder.config = ValueMap{{"report", ValueList{question("b", "a")}}};
  folder.add("", "a", 1, {1.0, 0.5, {}});
  folder.add("", "b", 1, {1.5, 0.5, {}});
  CHECK_THAT(answers(folder), Contains("worse, by an unknown margin: b against a: +0.5 (spread unknown)"));
}
