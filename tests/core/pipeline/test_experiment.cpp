// The typed experiment: what check_experiment finds, and the pipeline's keys.
#include <catch2/catch.hpp>

#include <ATen/Context.h>

#include "core/base/error.hpp"
#include "core/model/checkpoint.hpp"
#include "core/pipeline/pipeline.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tiny_tokenizer.hpp"

using namespace symphony;

namespace {

/// Two trained sources on text from commands; every key is cheap to compute.
Value small() {
  const auto source = [](const char* domain) { return Value(ValueMap{{"train", ValueMap{{"domain", domain}, {"recipe", "r"}}}}); };
  const auto domain = [](const char* text) { return Value(ValueMap{{"command", ValueList{"/bin/echo", text}}}); };
  return ValueMap{
      {"name", "small"},
      {"domains", ValueMap{{"a", domain("a")}, {"b", domain("b")}}},
      {"recipes", ValueMap{{"r", ValueMap{{"training", ValueMap{{"steps", 3}}}}}}},
      {"sources", ValueMap{{"anchor", "a"}, {"models", ValueMap{{"a", source("a")}, {"b", source("b")}}}}},
      {"training", ValueMap{{"phases", ValueList{ValueMap{{"train", "router"}, {"steps", 1}}, ValueMap{{"train", "all"}, {"steps", 1}}}}}},
  };
}

RunPipeline pipeline_of(const Value& tree) {
  auto experiment = std::make_shared<Experiment>(from_value<Experiment>(tree, "test"));
  const SchemaIssues issues = check_experiment(*experiment, plugin_registry());
  for (const SchemaIssue& issue : issues) FAIL(path_text(issue.path) << ": " << issue.message);
  return build_pipeline(experiment, plugin_registry());
}

std::string issues_of(const Value& tree) {
  Experiment experiment = from_value<Experiment>(tree, "test");
  std::string text;
  for (const SchemaIssue& issue : check_experiment(experiment, plugin_registry())) text += path_text(issue.path) + ": " + issue.message + "\n";
  return text;
}

std::map<std::string, std::string> keys_by_label(const RunPipeline& pipeline) {
  std::map<std::string, std::string> keys;
  for (const StagePtr& stage : pipeline.stages) keys[stage->name + " " + stage->label] = stage->key;
  return keys;
}

}  // namespace

TEST_CASE("a phase is named after what it trains, and two of one name are refused", "[core][pipeline]") {
  CHECK(pipeline_of(small()).points == std::vector<std::string>{"step_0", "router", "all"});
  Value tree = small();
  tree.find("training")->find("phases")->as_list()[1].set("train", "router");
  CHECK_THAT(issues_of(tree), Catch::Contains("training.phases[1]: two phases are called 'router'"));
}

TEST_CASE("a source must say exactly once where it comes from", "[core][pipeline]") {
  Value tree = small();
  tree.find("sources")->find("models")->find("b")->set("checkpoint", "/x");
  CHECK_THAT(issues_of(tree), Catch::Contains("sources.models.b: expected exactly one of 'train' and 'checkpoint'"));
}

TEST_CASE("expected numbers are one, or the lowest and the highest", "[core][pipeline]") {
  Value tree = small();
  tree.set("expect", ValueMap{{"post/a/x", 1.5}, {"post/b/x", ValueList{0.25, 1}}});
  CHECK(issues_of(tree) == issues_of(small()));
  tree.set("expect", ValueMap{{"post/a/x", ValueList{1, 0.25}}});
  CHECK_THAT(issues_of(tree), Catch::Contains("expect.post/a/x: got [1, 0.25], expected one number, or the lowest and the highest"));
}

TEST_CASE("domains and recipes that do not exist are named with the nearest", "[core][pipeline]") {
  Value tree = small();
  tree.find("sources")->find("models")->find("b")->find("train")->set("recipe", "rr");
  tree.set("calibration", ValueMap{{"domains", "aa"}});
  const std::string text = issues_of(tree);
  CHECK_THAT(text, Catch::Contains("no recipe 'rr'; did you mean 'r'?"));
  CHECK_THAT(text, Catch::Contains("calibration.domains: no domain 'aa'; did you mean 'a'?"));
}

TEST_CASE("a change re-keys what depends on it and nothing else", "[core][pipeline]") {
  const auto before = keys_by_label(pipeline_of(small()));
  Value tree = small();
  tree.set("router", ValueMap{{"method", "top_k"}, {"balance", 0.5}});
  const auto after = keys_by_label(pipeline_of(tree));
  REQUIRE(before.size() == after.size());
  for (const auto& [label, key] : before) {
    CAPTURE(label);
    const bool depends = label.starts_with("phase") || label.find("the model after") != std::string::npos;
    CHECK((after.at(label) != key) == depends);
  }
}

TEST_CASE("a dense model leaves out phases of parts that it does not have, and says so", "[core][pipeline]") {
  Value tree = small();
  tree.set("experts", "dense");
  for (const Value& part : ValueList{"router", "experts", Value(ValueList{"experts", "router"})}) {
    CAPTURE(part.describe());
    Value& phase = tree.find("training")->find("phases")->as_list()[0];
    phase.set("train", part);
    phase.set("name", "first");
    const RunPipeline pipeline = pipeline_of(tree);
    CHECK(pipeline.points == std::vector<std::string>{"step_0", "all"});
    CHECK(pipeline.skipped_phases == std::vector<std::string>{"first"});
  }
}

TEST_CASE("a phase of which some parts are none of the model's is refused before anything runs", "[core][pipeline]") {
  Value tree = small();
  tree.find("training")->find("phases")->as_list()[0].set("train", ValueList{"experts", "norms", "router"});
  CHECK_NOTHROW(pipeline_of(tree));
  tree.set("experts", "dense");
  CHECK_THROWS_WITH(pipeline_of(tree), "training.phases: phase 'experts+norms+router' trains router, experts, which this model does not have; expected parts that it has, or "
                                       "a phase of nothing else, which is left out");
}

TEST_CASE("an approximate alignment is refused beside experts that are other sources' FFNs", "[core][pipeline]") {
  Value tree = small();
  tree.set("alignment", "optimal_transport");
  CHECK_THROWS_WITH(pipeline_of(tree), "experts: experts.separate keeps the FFN of source 'b' as an expert, and alignment.optimal_transport is approximate: it would "
                                       "change what that expert computes; expected 'experts: dense', which averages the FFNs, or an exact alignment");
  for (const char* experts : {"dense", "upcycle"}) {
    CAPTURE(experts);
    tree.set("experts", experts);
    CHECK_NOTHROW(pipeline_of(tree));
  }
}

TEST_CASE("the type of passes re-keys training and evaluation and nothing before them", "[core][pipeline]") {
  Value tree = small();
  tree.set("dtype", "bfloat16");
  for (const StagePtr& stage : pipeline_of(tree).stages) {
    CAPTURE(stage->label);
    const bool computes = stage->name == "source" || stage->name == "phase" || stage->name == "evaluation";
    CHECK(stage->identity.find("environment")->find("dtype")->as_string() == (computes ? "bfloat16" : "float32"));
  }
}

TEST_CASE("a device that this program cannot use is refused before anything runs", "[core][pipeline]") {
  Value tree = small();
  tree.set("device", "cuda");
  const std::string issues = issues_of(tree);
  if (at::globalContext().hasCUDART()) CHECK(issues.empty());
  else CHECK_THAT(issues, Catch::Contains("device: this program's LibTorch") && Catch::Contains("was built without CUDA"));
  CHECK_THROWS_WITH(from_value<Experiment>(ValueMap{{"name", "x"}, {"sources", ValueMap{}}, {"device", "gpu"}}, "test"), Catch::Contains("'gpu'") && Catch::Contains("cuda"));
}

TEST_CASE("the seed re-keys training but not text", "[core][pipeline]") {
  const auto before = keys_by_label(pipeline_of(small()));
  Value tree = small();
  tree.set("seed", 2);
  const auto after = keys_by_label(pipeline_of(tree));
  CHECK(after.at("text text 'a'") == before.at("text text 'a'"));
  CHECK(after.at("source training a") != before.at("source training a"));
}

TEST_CASE("sources that give the same start share its stage", "[core][pipeline]") {
  Value tree = small();
  for (const char* name : {"a", "b"})
    tree.find("sources")->find("models")->find(name)->find("train")->set("start", ValueMap{{"domain", "all"}, {"steps", 2}});
  std::size_t starts = 0;
  for (const StagePtr& stage : pipeline_of(tree).stages) starts += stage->label == "training common start" ? 1 : 0;
  CHECK(starts == 1);
}

TEST_CASE("a source of no steps of its own is the start that the others share", "[core][pipeline]") {
  Value tree = small();
  Value& models = *tree.find("sources")->find("models");
  models.set("ancestor", *models.find("a"));
  for (const char* name : {"a", "b", "ancestor"}) models.find(name)->find("train")->set("start", ValueMap{{"domain", "all"}, {"steps", 2}});
  models.find("ancestor")->find("train")->set("steps", 0);
  tree.find("sources")->set("base", "ancestor");
  std::size_t trainings = 0;
  for (const StagePtr& stage : pipeline_of(tree).stages) trainings += stage->name == "source" ? 1 : 0;
  CHECK(trainings == 3);  // the start, a and b

  Value no_start = small();
  no_start.find("sources")->find("models")->find("a")->find("train")->set("steps", 0);
  CHECK_THAT(issues_of(no_start), Catch::Contains("sources.models.a: steps is 0 without a 'start'; expected at least 1"));
}

TEST_CASE("the sources in use are merged in the order given, and only they are trained", "[core][pipeline]") {
  Value tree = small();
  tree.find("sources")->set("use", ValueList{"b", "a"});
  CHECK(from_value<Experiment>(tree, "test").merged_sources() == std::vector<std::string>{"b", "a"});
  tree.find("sources")->set("use", ValueList{"a"});
  for (const StagePtr& stage : pipeline_of(tree).stages) CHECK(stage->label != "training b");
}

TEST_CASE("a source in use must exist, once, and not be the base", "[core][pipeline]") {
  Value tree = small();
  tree.find("sources")->set("use", ValueList{"a", "a", "c", "b"});
  tree.find("sources")->set("base", "b");
  const std::string text = issues_of(tree);
  CHECK_THAT(text, Catch::Contains("sources.use: 'a' is given twice"));
  CHECK_THAT(text, Catch::Contains("sources.use: no source 'c'; "));
  CHECK_THAT(text, Catch::Contains("sources.use: 'b' is the base, which is not merged"));
}

TEST_CASE("a start is a common training or a checkpoint, and a checkpoint brings its own shape", "[core][pipeline]") {
  const auto issues_of_start = [](const Value& start) {
    Value tree = small();
    tree.find("sources")->find("models")->find("b")->find("train")->set("start", start);
    return issues_of(tree);
  };
  CHECK_THAT(issues_of_start(ValueMap{}), Catch::Contains("sources.models.b: expected 'steps' of at least 1 or a 'checkpoint' in 'start'"));
  CHECK_THAT(issues_of_start(ValueMap{{"checkpoint", "/x"}, {"steps", 2}}), Catch::Contains("'start' gives a checkpoint beside a common training"));
  CHECK(issues_of_start(ValueMap{{"checkpoint", "/x"}}).empty());
  Value tree = small();
  tree.find("recipes")->find("r")->set("model", ValueMap{{"layers", 2}});
  tree.find("sources")->find("models")->find("b")->find("train")->set("start", ValueMap{{"checkpoint", "/x"}});
  CHECK_THAT(issues_of(tree), Catch::Contains("sources.models.b: the recipe 'r' gives a 'model', but the start is a checkpoint, which has its own shape"));
}

TEST_CASE("a checkpoint that is not there is named with the command that fetches it", "[core][pipeline]") {
  Value tree = small();
  tree.find("sources")->find("models")->find("b")->find("train")->set("start", ValueMap{{"checkpoint", "/nowhere/x"}});
  CHECK_THROWS_WITH(pipeline_of(tree), "sources.models.b: no checkpoint directory '/nowhere/x'");
  tree.find("sources")->set("fetch", "fetch.py /nowhere/x");
  CHECK_THROWS_WITH(pipeline_of(tree), "sources.models.b: no checkpoint directory '/nowhere/x'; to fetch it: fetch.py /nowhere/x");
}

TEST_CASE("sources that start from a checkpoint have its shape and read with its tokenizer", "[core][pipeline]") {
  const testing::TemporaryFolder folder;
  const auto tokenizer = testing::tiny_tokenizer({"ab"}, {"<s>"});
  const ModelSpec spec = testing::tiny_spec({.vocab = tokenizer->vocab_size()});
  write_checkpoint(folder / "m", testing::random_model(spec, 1), {tokenizer->to_json(), {1, 2, {3}}});
  Value tree = small();
  for (const char* name : {"a", "b"})
    tree.find("sources")->find("models")->find(name)->find("train")->set("start", ValueMap{{"checkpoint", (folder / "m").string()}});
  const RunPipeline pipeline = pipeline_of(tree);
  std::map<std::string, std::size_t> count;
  for (const StagePtr& stage : pipeline.stages) ++count[stage->name];
  CHECK(count["checkpoint"] == 1);  // both start from it
  CHECK(count["source"] == 2);
  CHECK(count["text"] == 2);        // a and b, as its tokenizer reads them; nothing reads bytes
}

TEST_CASE("a Mixture-of-Experts as a source is refused while the plan is made", "[core][pipeline]") {
  const symphony::testing::TemporaryFolder folder;
  write_checkpoint(folder / "m", symphony::testing::random_model(symphony::testing::tiny_spec({.vocab = 300, .num_experts = 4}), 1), {byte_tokenizer()->to_json(), {}});
  Value tree = small();
  tree.find("sources")->find("models")->set("b", ValueMap{{"checkpoint", (folder / "m").string()}});
  CHECK_THROWS_WITH(pipeline_of(tree), Catch::Contains("sources.models.b: the checkpoint is a Mixture-of-Experts of 4 experts, expected a dense model"));
}

TEST_CASE("the domain that a checkpoint stands for is part of what depends on it, not of the checkpoint", "[core][pipeline]") {
  const symphony::testing::TemporaryFolder folder;
  for (const char* name : {"p", "q"})
    write_checkpoint(folder / name, symphony::testing::random_model(symphony::testing::tiny_spec({.vocab = 300}), 1), {byte_tokenizer()->to_json(), {}});
  const auto keys = [&](const char* domain) {
    Value tree = small();
    Value* models = tree.find("sources")->find("models");
    models->set("a", ValueMap{{"checkpoint", (folder / "p").string()}, {"domain", "a"}});
    models->set("b", ValueMap{{"checkpoint", (folder / "q").string()}, {"domain", domain}});
    return keys_by_label(pipeline_of(tree));
  };
  const auto before = keys("b"), after = keys("a");
  CHECK(before.at("checkpoint checkpoint b") == after.at("checkpoint checkpoint b"));
  CHECK(before.at("assembly assembly") != after.at("assembly assembly"));
  CHECK(before == keys("b"));
}
