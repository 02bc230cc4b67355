// What the categories' interfaces do by themselves: the star around the anchor, the checks of an expert plan, the table of categories.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/build_tag.hpp"
#include "core/plugin/category.hpp"
#include "core/plugin/experts.hpp"
#include "tests/core/plugin/no_statistics.hpp"

using namespace symphony;
using symphony::testing::NoStatistics;

namespace {

/// Marks each pair by a permutation of as many units as the source's index plus one, and reports its progress in halves.
class MarkingAlignment final : public PairwiseAlignment {
 public:
  std::vector<StatisticsNeed> needs(const ModelSpec&) const override { return {}; }

 protected:
  TransformSet align_pair(const AlignmentProblem&, std::size_t source_idx, const Context& context) const override {
    context.progress(0.5);
    return {{"mark", Transform::identity(static_cast<std::int64_t>(source_idx) + 1)}};
  }
};

const ModelSpec kSpec;
const std::vector<std::string> kNames{"a", "b"};
const ExpertsProblem kProblem{kSpec, kNames, 0};

std::string plan_refusal(const ExpertPlan& plan) {
  try {
    check_plan(plan, kProblem, "experts.x");
  } catch (const PluginError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("pairwise alignment: the anchor is left alone and every other source is matched with it", "[core][plugin]") {
  const std::vector<Model> sources(3);
  const std::vector<SymmetryGroup> groups;
  const NoStatistics statistics;
  for (std::size_t anchor = 0; anchor < 3; ++anchor) {
    const auto sets = MarkingAlignment{}.align({sources, anchor, groups, statistics}, Context{});
    REQUIRE(sets.size() == 3);
    for (std::size_t source_idx = 0; source_idx < 3; ++source_idx) {
      if (source_idx == anchor) CHECK(sets[source_idx].empty());
      else CHECK(sets[source_idx].at("mark").size() == static_cast<std::int64_t>(source_idx) + 1);
    }
  }
}

TEST_CASE("pairwise alignment: progress rises through the pairs to one", "[core][plugin]") {
  const std::vector<Model> sources(3);
  const std::vector<SymmetryGroup> groups;
  const NoStatistics statistics;
  std::vector<double> seen;
  Context context;
  context.progress = [&](double share) { seen.push_back(share); };
  MarkingAlignment{}.align({sources, 1, groups, statistics}, context);
  CHECK(seen == std::vector<double>({0.25, 0.5, 0.75, 1.0}));
}

TEST_CASE("pairwise alignment: one source is its own anchor", "[core][plugin]") {
  const std::vector<Model> sources(1);
  const std::vector<SymmetryGroup> groups;
  const NoStatistics statistics;
  const auto sets = MarkingAlignment{}.align({sources, 0, groups, statistics}, Context{});
  REQUIRE(sets.size() == 1);
  CHECK(sets.front().empty());
}

TEST_CASE("alignment: methods claim to be exact unless they say otherwise", "[core][plugin]") { CHECK_FALSE(MarkingAlignment{}.approximate()); }

TEST_CASE("expert plans: what core cannot build is refused by name", "[core][plugin]") {
  ExpertPlan plan;
  CHECK(plan_refusal(plan) == "accepted");
  plan.slots = {{ExpertKind::ffn, 0, "a"}, {ExpertKind::ffn, 1, "b"}};
  CHECK(plan_refusal(plan) == "accepted");
  SECTION("kind") {
    plan.slots[1].kind = ExpertKind::zero;
    CHECK(plan_refusal(plan) == "experts.x: slot 1 ('b') asks for an expert of kind 'zero', core builds kind 'ffn' only");
  }
  SECTION("source") {
    plan.slots[0].source = 2;
    CHECK(plan_refusal(plan) == "experts.x: slot 0 ('a') is filled from source 2, expected one of the 2 sources 0 to 1");
  }
  SECTION("backbone") {
    plan.backbone_from = 5;
    CHECK(plan_refusal(plan) == "experts.x: the backbone is taken from source 5, expected one of the 2 sources 0 to 1");
  }
  SECTION("scale") {
    plan.output_scale = 0.0;
    CHECK(plan_refusal(plan) == "experts.x: the output scale is 0, expected a finite number above 0");
  }
  SECTION("noise") {
    plan.noise = std::nan("");
    CHECK(plan_refusal(plan) == "experts.x: the noise is nan, expected a finite number, at least 0");
  }
}

TEST_CASE("categories: names are listed in the order of an experiment, unknown ones have version 0", "[core][plugin]") {
  CHECK(category_names() == std::vector<std::string>({"alignment", "fusion", "experts", "router", "router_init", "edit", "eval"}));
  for (const std::string& category : category_names()) CHECK(category_version(category) >= 1);
  CHECK(category_version("fuson") == 0);
}

TEST_CASE("build tag: names compiler, standard, string ABI, LibTorch and build type", "[core][plugin]") {
  const std::string tag = core_build_tag();
  CHECK(tag == kBuildTag);
  for (const char* part : {"c++ 20", "cxx11-abi 1", "libtorch " TORCH_VERSION}) CHECK_THAT(tag, Catch::Contains(part));
}
