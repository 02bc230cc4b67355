// What tells two runs apart.
#include <catch2/catch.hpp>

#include <cmath>

#include "core/app/run_diff.hpp"
#include "tests/core/app/sweep_folder.hpp"

using namespace symphony;

namespace {

RunReader reader(const SweepFolder& folder, const std::string& variant) { return RunReader(folder.path() / (variant + ".s1") / "run.h5"); }

const NumberDifference& find(const std::vector<NumberDifference>& all, const std::string& task, const std::string& metric) {
  for (const NumberDifference& entry : all)
    if (entry.left.task == task && entry.left.metric == metric && entry.left.moment == "post") return entry;
  FAIL("no number " << task << "/" << metric);
  return all.front();
}

}  // namespace

TEST_CASE("diff: settings differ place by place, and as a whole where lists differ in length", "[core][app]") {
  const Value left = ValueMap{{"k", 2}, {"same", "x"}, {"scope", ValueList{"ffn"}}, {"seeds", ValueList{1, 2}}, {"only_left", true}};
  const Value right = ValueMap{{"k", 3}, {"same", "x"}, {"scope", ValueList{"ffn", "residual"}}, {"seeds", ValueList{1, 5}}, {"only_right", ValueMap{{"a", 1}}}};
  const auto found = setting_differences(left, right);
  std::vector<std::string> lines;
  for (const SettingDifference& entry : found) lines.push_back(entry.path + "|" + entry.left + "|" + entry.right);
  CHECK(lines == std::vector<std::string>{"k|2|3", R"(scope|["ffn"]|["ffn","residual"])", "seeds[1]|2|5", "only_left|true|", R"(only_right||{"a":1})"});
  CHECK(setting_differences(left, left).empty());
}

TEST_CASE("diff: stages of equal keys are shared, the others are set against each other by name", "[core][app]") {
  const auto stage = [](const char* name, const char* key) { return StageUse{name, key, false, 0.0, 0.0}; };
  const auto found = stage_differences({stage("text", "t"), stage("phase", "a"), stage("phase", "b")}, {stage("text", "t"), stage("phase", "c"), stage("eval", "e")});
  REQUIRE(found.size() == 3);
  CHECK(found[0].left == "a");
  CHECK(found[0].right == "c");
  CHECK(found[1].left == "b");
  CHECK(found[1].right.empty());
  CHECK(found[2].name == "eval");
  CHECK(found[2].left.empty());
}

TEST_CASE("diff: windows that both runs have are paired, else the rows' own errors count", "[core][app]") {
  SweepFolder folder;
  folder.add("", "a", 1, {1.0, 0.5, {1.0F, 2.0F, 3.0F, 4.0F}});
  folder.add("", "b", 1, {1.5, 0.5, {1.0F, 2.5F, 3.5F, 5.0F}});
  folder.add("", "c", 1, {1.5, 0.5, {}});
  folder.add("", "d", 1, {.loss = 1.5, .accuracy = 0.5, .windows = {1.0F, 2.5F, 3.5F, 5.0F}, .window_hash = "of other windows"});
  const double kT3 = 3.182446305284263;  // Student's t, 3 degrees of freedom, 0.975, from tables
  const auto paired = number_differences(reader(folder, "a"), reader(folder, "b"));
  CHECK(paired.size() == 7);
  for (const char* task : {"text", "in_domain"}) {
    const NumberDifference& entry = find(paired, task, "loss");
    CHECK(entry.paired);
    CHECK(entry.difference == Approx(0.5));
    CHECK(entry.half_width.value() == Approx(kT3 * std::sqrt(0.5 / 3.0) / 2.0));  // window differences 0, 0.5, 0.5, 1
  }
  for (const char* other : {"c", "d"}) {
    CAPTURE(other);
    const auto unpaired = number_differences(reader(folder, "a"), reader(folder, other));
    CHECK_FALSE(find(unpaired, "text", "loss").paired);
    CHECK(find(unpaired, "text", "loss").half_width.value() == Approx(kT3 * std::hypot(0.1, 0.1)));  // n is 4
    CHECK_FALSE(find(unpaired, "in_domain", "accuracy").half_width);
  }
}

TEST_CASE("diff: what sums up the model are averages of suites that have any, and every row of those that have none", "[core][app]") {
  const auto row = [](const char* subject, const char* suite, const char* task) {
    EvaluationRow made{subject, "post", suite, 1, task, "m", 1.0};
    return NumberDifference{made, made, 0.0, std::nullopt, false};
  };
  const auto chosen = [](const std::vector<NumberDifference>& differences) {
    std::vector<std::string> names;
    for (const NumberDifference& entry : summing_up(differences)) names.push_back(entry.left.subject + " " + entry.left.suite + " " + entry.left.task);
    return names;
  };
  CHECK(chosen({row("model", "bits", "text"), row("model", "bits", "in_domain"), row("model", "bits", "out_of_distribution"), row("ensemble", "bits", "in_domain"),
                row("model", "routing", "layer 0"), row("model", "routing", "mean over layers"), row("model", "barriers", "a - b"),
                row("model", "barriers", "mean over pairs"), row("model", "questions", "arc"), row("model", "questions", "piqa"), row("ensemble", "questions", "arc")}) ==
        std::vector<std::string>{"model bits in_domain", "model bits out_of_distribution", "model routing mean over layers", "model barriers mean over pairs",
                                 "model questions arc", "model questions piqa"});
  CHECK(chosen({}).empty());
}

TEST_CASE("diff: questions that both runs were asked are paired item by item", "[core][app]") {
  SweepFolder folder;
  folder.add("", "a", 1, {1.0, 0.5, {}, {0.0F, 1.0F, 0.0F, 1.0F}});
  folder.add("", "b", 1, {1.0, 0.5, {}, {1.0F, 1.0F, 0.0F, 1.0F}});
  folder.add("", "c", 1, {1.0, 0.5, {}, {1.0F, 1.0F, 0.0F}});
  const double kT3 = 3.182446305284263;  // Student's t, 3 degrees of freedom, 0.975, from tables
  const auto paired = number_differences(reader(folder, "a"), reader(folder, "b"));
  const NumberDifference& same = find(paired, "questions", "accuracy");
  CHECK(same.paired);
  CHECK(same.difference == Approx(0.25));
  CHECK(same.half_width.value() == Approx(kT3 * 0.5 / 2.0));  // differences 1, 0, 0, 0: deviation 0.5 of 4
  const auto fewer = number_differences(reader(folder, "a"), reader(folder, "c"));
  const NumberDifference& other = find(fewer, "questions", "accuracy");
  CHECK_FALSE(other.paired);
  CHECK(other.half_width.value() > 0.5);  // the rows' own errors, 0.2 each
}
