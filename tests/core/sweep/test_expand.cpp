// Sweeps: blocks times variants times seeds, patches, and mistakes with their places.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/sweep/expand.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;
namespace fs = std::filesystem;

namespace {

constexpr const char* kBase = R"(
name: small
domains:
  alpha: { command: [/bin/echo, alpha] }
  beta: { command: [/bin/echo, beta] }
recipes: { r: { training: { steps: 3 } } }
sources:
  anchor: alpha
  models:
    alpha: { train: { domain: alpha, recipe: r } }
    beta: { train: { domain: beta, recipe: r } }
alignment: { method: activation_matching, scope: [ffn] }
router: { method: top_k, k: 2 }
)";

/// An experiment file in a folder that goes away with it.
struct File {
  fs::path folder = make_temporary_directory(fs::temp_directory_path(), "symphony_axis");
  explicit File(const std::string& text) { atomic_write(folder / "e.yaml", text); }
  ~File() { remove_tree(folder); }
  struct Expanded : Sweep {
    std::vector<ResolvedPoint> points;
  };
  Expanded expand(std::vector<std::string> overrides = {}, std::vector<std::string> profiles = {}) const {
    Expanded result;
    const auto keep = [&result](ResolvedPoint point) { result.points.push_back(std::move(point)); };
    static_cast<Sweep&>(result) = expand_experiment({folder / "e.yaml", std::move(profiles), std::move(overrides)}, plugin_registry(), keep);
    return result;
  }
};

std::vector<std::string> run_names(const File::Expanded& sweep) {
  std::vector<std::string> names;
  for (const ResolvedPoint& point : sweep.points) names.push_back(point.run_id.substr(0, point.run_id.rfind('-')));
  return names;
}

std::string mistakes(const std::string& text) {
  try {
    File(text).expand();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a file without a sweep is one run a seed", "[core][sweep]") {
  const auto sweep = File(std::string(kBase) + "seeds: [1, 2, 3]\n").expand();
  REQUIRE(sweep.points.size() == 3);
  CHECK(sweep.points[2].seed == 3);
  CHECK(sweep.points[2].run_id.starts_with("s3-"));
  CHECK(sweep.name == "small");
}

TEST_CASE("blocks, variants and seeds multiply, seeds fastest", "[core][sweep]") {
  const auto sweep = File(std::string(kBase) + R"(
seeds: [1, 2]
sweep:
  baseline: none
  blocks: { left: {}, right: { set: { calibration: { tokens: 100 } }, variants: [none] } }
  variants: { none: { alignment: none }, one: { router: switch } }
)").expand();
  REQUIRE(sweep.points.size() == 6);
  CHECK(sweep.points[0].run_id.starts_with("left.none.s1-"));
  CHECK(sweep.points[1].run_id.starts_with("left.none.s2-"));
  CHECK(sweep.points[2].run_id.starts_with("left.one.s1-"));
  CHECK(sweep.points[4].run_id.starts_with("right.none.s1-"));
  CHECK(sweep.points[4].config.find("calibration")->find("tokens")->as_int() == 100);
  CHECK(sweep.points[0].config.find("calibration")->find("tokens")->as_int() == 65536);
}

TEST_CASE("a variant that names another method drops the old one's parameters", "[core][sweep]") {
  const auto sweep = File(std::string(kBase) + "sweep: { variants: { other: { alignment: none } } }\n").expand();
  const Value* alignment = sweep.points[0].config.find("alignment");
  CHECK(alignment->find("method")->as_string() == "none");
  CHECK(alignment->find("scope") == nullptr);
}

TEST_CASE("points that resolve to the same configuration are one run, and that is said", "[core][sweep]") {
  const auto sweep = File(std::string(kBase) + "sweep: { variants: { a: {}, b: { router: { k: 2 } } } }\n").expand();
  CHECK(sweep.points.size() == 1);
  REQUIRE(sweep.duplicates.size() == 1);
  CHECK_THAT(sweep.duplicates[0], Catch::Contains("resolves to the same configuration as 'a.s1-"));
}

TEST_CASE("overrides and profiles change every point", "[core][sweep]") {
  const File file(std::string(kBase) + "profiles: { full: { seeds: [4, 5] } }\n");
  CHECK(file.expand({"router.k=1"}, {}).points.size() == 1);
  CHECK(file.expand({}, {"full"}).points.size() == 2);
  CHECK_THROWS_WITH(file.expand({}, {"ful"}), Catch::Contains("did you mean 'full'?"));
}

TEST_CASE("every mistake of every point is reported once, with its place", "[core][sweep]") {
  const std::string text = mistakes(std::string(kBase) + R"(
seeds: [1, 2]
calibration: { tokns: 5 }
threads: none
sweep: { baselin: x, variants: { a: {}, b: {} } }
)");
  CHECK_THAT(text, Catch::Contains("calibration.tokns: unknown key 'tokns'; did you mean 'tokens'?"));
  CHECK_THAT(text, Catch::Contains("threads: expected an integer, got the string 'none'"));
  CHECK_THAT(text, Catch::Contains("sweep.baselin: unknown key 'baselin'; did you mean 'baseline'?"));
  CHECK_THAT(text, Catch::Contains("e.yaml:18:"));
  CHECK_THAT(text, Catch::Contains("3 mistakes"));
}

TEST_CASE("names that refer to nothing are mistakes at their place", "[core][sweep]") {
  CHECK_THAT(mistakes(std::string(kBase) + "sweep: { variants: { a: { sources: { anchor: alpa } } } }\n"), Catch::Contains("no source to be the anchor 'alpa'; did you mean 'alpha'?"));
  CHECK_THAT(mistakes(std::string(kBase) + "fusion: { attention: slrep }\n"), Catch::Contains("did you mean 'slerp'?"));
  CHECK_THAT(mistakes(std::string(kBase) + "experts: { method: upcycle, cuont: 3 }\n"), Catch::Contains("did you mean 'count'?"));
}

TEST_CASE("axes multiply variants, the last axis fastest, and variants are compared under them", "[core][sweep]") {
  const auto sweep = File(std::string(kBase) + R"(
sweep:
  variants: { none: { alignment: none }, ffn: {} }
  grid: { router.k: [1, 2], calibration.tokens: [100, 200] }
)").expand();
  CHECK(run_names(sweep) == std::vector<std::string>{"k=1,tokens=100.none.s1", "k=1,tokens=100.ffn.s1", "k=1,tokens=200.none.s1", "k=1,tokens=200.ffn.s1",
                                                     "k=2,tokens=100.none.s1", "k=2,tokens=100.ffn.s1", "k=2,tokens=200.none.s1", "k=2,tokens=200.ffn.s1"});
  CHECK(sweep.points[3].config.find("calibration")->find("tokens")->as_int() == 200);
  CHECK(sweep.points[3].variant == "ffn");
}

TEST_CASE("without variants the points of the axes are what is compared, and may be the baseline", "[core][sweep]") {
  const auto sweep = File(std::string(kBase) + "sweep: { baseline: k=1, grid: { router.k: [1, 2] } }\n").expand();
  REQUIRE(sweep.points.size() == 2);
  CHECK(sweep.points[1].variant == "k=2");
  CHECK(sweep.baseline == "k=1");
  CHECK_THAT(mistakes(std::string(kBase) + "sweep: { baseline: k=3, grid: { router.k: [1, 2] } }\n"), Catch::Contains("no variant 'k=3'; did you mean 'k=1'?"));
}

TEST_CASE("blocks are a union: each spans axes of its own", "[core][sweep]") {
  const auto sweep = File(std::string(kBase) + R"(
sweep:
  blocks:
    sizes: { grid: { calibration.tokens: [100, 200] } }
    chosen: { set: { router: { k: 1 } }, list: [ { alignment: none }, { alignment.scope: [residual, ffn] } ] }
)").expand();
  CHECK(run_names(sweep) == std::vector<std::string>{"sizes.tokens=100.s1", "sizes.tokens=200.s1", "chosen.alignment=none.s1", "chosen.scope=residual+ffn.s1"});
}

TEST_CASE("an axis is checked against the method that the point selects", "[core][sweep]") {
  const std::string text = mistakes(std::string(kBase) + "sweep: { grid: { alignment.method: [activation_matching, none], alignment.scope: [[ffn]] } }\n");
  CHECK_THAT(text, Catch::Contains("alignment.none: unknown key 'scope'"));
  CHECK_THAT(text, Catch::Contains("e.yaml:14:"));
  CHECK_THAT(mistakes(std::string(kBase) + "sweep: { grid: { router.balanse: [1] } }\n"), Catch::Contains("did you mean 'balance'?"));
  CHECK_THAT(mistakes(std::string(kBase) + "sweep: { grid: { calibration.tokens: [1] } }\n"), Catch::Contains("calibration.tokens"));
}

TEST_CASE("a variant and an axis that set the same thing are a mistake", "[core][sweep]") {
  CHECK_THAT(mistakes(std::string(kBase) + "sweep: { variants: { a: { router: { k: 1 } } }, grid: { router.k: [1, 2] } }\n"),
             Catch::Contains("sweep.variants.a: sets 'router.k', which the axis at "));
}

TEST_CASE("the points of a sweep must share the name of its folder", "[core][sweep]") {
  CHECK_THAT(mistakes(std::string(kBase) + "sweep: { variants: { a: {}, b: { name: other } } }\n"), Catch::Contains("got 'other', expected 'small'"));
}

TEST_CASE("what is asked of Slurm enters no run", "[core][sweep]") {
  const auto plain = File(kBase).expand();
  const auto asked = File(std::string(kBase) + "slurm: { time: 1:30:00 }\n").expand({"slurm.throttle=4"});
  CHECK(asked.points[0].run_id == plain.points[0].run_id);
  CHECK(asked.points[0].config == plain.points[0].config);
  CHECK_THAT(mistakes(std::string(kBase) + "slurm: { time: soon }\n"), Catch::Contains("slurm.time: got 'soon'"));
}
