// Keys of stages, their order, and the cache that holds their results.
#include <catch2/catch.hpp>

#include <fstream>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/pipeline/stage_cache.hpp"

using namespace symphony;
namespace fs = std::filesystem;

namespace {

StagePtr plain(const std::string& name, Value parameters, std::vector<StagePtr> inputs = {}, std::function<void(StageScope&)> run = [](StageScope&) {},
               NumericEnvironment environment = {}) {
  return make_stage(name, 1, name, std::move(parameters), std::move(inputs), environment, std::move(run));
}

/// A cache in a folder that goes away with it.
struct TemporaryCache {
  fs::path root = make_temporary_directory(fs::temp_directory_path(), "symphony_stage");
  StageCache cache{root};
  ~TemporaryCache() { remove_tree(root); }
  StageOutcome ensure(const StagePtr& stage) {
    return cache.ensure(*stage, [](const Stage&, double, const std::string&) {}, [] { return false; });
  }
};

}  // namespace

TEST_CASE("a stage's key covers name, parameters, inputs and environment, and nothing else", "[core][pipeline]") {
  const StagePtr stage = plain("a", 1);
  CHECK(plain("a", 1)->key == stage->key);
  CHECK(plain("b", 1)->key != stage->key);
  CHECK(plain("a", 2)->key != stage->key);
  CHECK(plain("a", 1, {plain("c", 1)})->key != stage->key);
  CHECK(plain("a", 1, {}, {}, NumericEnvironment{2, "cpu", "float32"})->key != stage->key);
  CHECK(make_stage("a", 2, "a", 1, {}, {}, {})->key != stage->key);
  CHECK(make_stage("a", 1, "another label", 1, {}, {}, {})->key == stage->key);
}

TEST_CASE("stages are ordered inputs first, each once", "[core][pipeline]") {
  const StagePtr bottom = plain("bottom", 1);
  const StagePtr left = plain("left", 1, {bottom});
  const StagePtr right = plain("right", 1, {plain("bottom", 1), left});  // an equal stage made twice is one stage
  const auto order = topological({right, left});
  REQUIRE(order.size() == 3);
  CHECK(order[0]->name == "bottom");
  CHECK(order[1]->name == "left");
  CHECK(order[2]->name == "right");
}

TEST_CASE("a committed stage is found, not computed again", "[core][pipeline]") {
  TemporaryCache temporary;
  int computed = 0;
  const StagePtr input = plain("input", 1, {}, [&](StageScope& scope) { ++computed; atomic_write(scope.directory / "x", "1"); });
  const StagePtr stage = plain("stage", 1, {input}, [&](StageScope& scope) {
    ++computed;
    CHECK(read_text(scope.input(*input) / "x") == "1");
    scope.record.scalar({"answer", "1", "a number"}, 42.0);
  });
  CHECK(temporary.ensure(stage).executed);
  CHECK(computed == 2);
  CHECK(fs::exists(temporary.cache.directory(*stage) / "record.h5"));
  CHECK_FALSE(temporary.ensure(stage).executed);
  CHECK(computed == 2);
  temporary.cache.forget(stage->name, stage->key);
  CHECK(temporary.ensure(stage).executed);
  CHECK(computed == 3);
}

TEST_CASE("a stage that fails leaves nothing that looks finished, and says which stage it was", "[core][pipeline]") {
  TemporaryCache temporary;
  bool broken = true;
  const StagePtr stage = plain("stage", 1, {}, [&](StageScope& scope) {
    atomic_write(scope.directory / "half", "1");
    if (broken) fail<DataError>("tensor 'x'", "is torn");
  });
  CHECK_THROWS_WITH(temporary.ensure(stage), "stage: tensor 'x': is torn");
  CHECK_FALSE(temporary.cache.committed(*stage));
  broken = false;
  CHECK(temporary.ensure(stage).executed);
}

TEST_CASE("what a killed stage left behind is not trusted, its checkpoints are kept", "[core][pipeline]") {
  TemporaryCache temporary;
  const StagePtr stage = plain("stage", 1, {}, [&](StageScope& scope) {
    CHECK_FALSE(fs::exists(scope.directory / "stale"));
    CHECK(read_text(scope.checkpoints / "step") == "7");
  });
  const fs::path folder = temporary.cache.directory(*stage);
  fs::create_directories(folder.string() + ".partial");
  atomic_write(folder.string() + ".partial/stale", "1");
  fs::create_directories(folder.string() + ".checkpoints");
  atomic_write(folder.string() + ".checkpoints/step", "7");
  CHECK(temporary.ensure(stage).executed);
  CHECK_FALSE(fs::exists(folder.string() + ".checkpoints"));
}
