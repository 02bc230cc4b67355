// Pruning: what is used stays, what is not is found, and what a process is at is left alone.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/log/status_file.hpp"
#include "core/sweep/plan.hpp"
#include "core/sweep/prune.hpp"
#include "tests/core/base/scratch_directory.hpp"

using namespace symphony;
namespace fs = std::filesystem;

namespace {

const std::string kUsed = "0123456789abcdef0123456789abcdef", kUnused = "fedcba9876543210fedcba9876543210";

/// A results folder with an experiment of one run that uses one stage.
struct Results {
  ScratchDirectory scratch;
  fs::path root = scratch.path();

  Results() {
    Plan plan;
    plan.experiment = "small";
    plan.results = root;
    plan.stages = {{"source", kUsed, "training", {}, {}}};
    SweepPoint point;
    point.run_id = "s1-11111111";
    point.stages = {0};
    point.config_changes = ValueList{};
    point.origin_changes = ValueMap{};
    plan.points = {point};
    write_plan(plan);
    stage(kUsed);
    run("s1-11111111");
  }
  void file(const fs::path& path, const std::string& text = "12345") const {
    fs::create_directories((root / path).parent_path());
    atomic_write(root / path, text);
  }
  void stage(const std::string& key) const { file(".cache/source/" + key + "/stage.json"); }
  void run(const std::string& id) const {
    fs::create_directories(root / "small" / id);
    RunStatus status;
    status.run_id = id;
    status.state = "finished";
    write_status(root / "small" / id / "status.json", status);
  }
  std::vector<std::string> removals(bool unlisted_runs = false) const {
    std::vector<std::string> paths;
    for (const Removal& removal : find_removals(root, unlisted_runs)) paths.push_back(removal.path.lexically_relative(root).string());
    return paths;
  }
};

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("prune: what a listed run uses stays", "[core][sweep]") {
  const Results results;
  results.file(".cache/source/" + kUsed + ".lock");
  CHECK(results.removals().empty());
}

TEST_CASE("prune: a stage that no listed run uses is found with its size, and removed whole", "[core][sweep]") {
  const Results results;
  results.stage(kUnused);
  const auto removals = find_removals(results.root, false);
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].bytes == 5);
  CHECK(remove_unless_busy(removals[0]));
  CHECK_FALSE(fs::exists(results.root / ".cache" / "source" / kUnused));
  CHECK(fs::exists(results.root / ".cache" / "source" / kUsed / "stage.json"));
  CHECK(results.removals().empty());
}

TEST_CASE("prune: what killed processes left goes, what a stage will resume from stays", "[core][sweep]") {
  const Results results;
  const std::string later = "00000000000000000000000000000000";
  results.file(".cache/source/" + kUsed + ".checkpoints/trainer");     // of a finished stage
  results.file(".cache/source/" + kUnused + ".partial/record.h5");
  results.file(".cache/source/" + kUnused + ".checkpoints/trainer");
  results.file(".cache/source/" + later + ".forgotten/x");
  CHECK(results.removals() == Paths{".cache/source/" + later + ".forgotten", ".cache/source/" + kUsed + ".checkpoints",
                                    ".cache/source/" + kUnused + ".checkpoints", ".cache/source/" + kUnused + ".partial"});
  remove_tree(results.root / ".cache" / "source" / kUsed);  // not finished yet: now its checkpoint is worth keeping
  CHECK(results.removals().size() == 3);
}

TEST_CASE("prune: runs that are in no plan go only when asked for", "[core][sweep]") {
  const Results results;
  results.run("s1-22222222");
  CHECK(results.removals().empty());
  CHECK(results.removals(true) == Paths{"small/s1-22222222"});
}

TEST_CASE("prune: a stage that a process is at is left alone", "[core][sweep]") {
  const Results results;
  results.stage(kUnused);
  const auto removals = find_removals(results.root, false);
  const auto lock = FileLock::acquire(results.root / ".cache" / "source" / (kUnused + ".lock"));
  CHECK_FALSE(remove_unless_busy(removals.at(0)));
  CHECK(fs::exists(results.root / ".cache" / "source" / kUnused / "stage.json"));
}

TEST_CASE("prune: what a plan of another version uses is not guessed", "[core][sweep]") {
  const Results results;
  results.file("old/plan.json", R"({"plan_version": 1})");
  CHECK_THROWS_WITH(find_removals(results.root, false), Catch::Contains("the plan has version 1"));
}

TEST_CASE("prune: a folder without a cache is refused", "[core][sweep]") {
  const ScratchDirectory scratch;
  CHECK_THROWS_WITH(find_removals(scratch.path(), false), Catch::Contains("holds no .cache"));
}
