// From two trained sources through alignment and assembly with edits, as a run does it: what is stored, and what is recorded.
#include <fstream>

#include <catch2/catch.hpp>

#include "core/base/files.hpp"
#include "core/base/random.hpp"
#include "core/pipeline/alignment_stage.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/pipeline/stage_cache.hpp"
#include "core/tensor/safetensors.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// Words at random: enough for a few windows of each kind.
void write_text(const std::filesystem::path& path, std::uint64_t seed) {
  Random random(seed, "text");
  std::ofstream file(path);
  for (int word = 0; word < 6000; ++word) file << static_cast<char>('a' + random.below(26)) << static_cast<char>('a' + random.below(26)) << ' ';
}

Value small(const std::filesystem::path& folder, const Value& alignment, const Value& edits, bool tied) {
  const auto domain = [&](const char* name) { return Value(ValueMap{{"files", ValueList{(folder / name).string()}}, {"split", ValueMap{{"chunk_bytes", 1024}}}}); };
  const auto source = [](const char* name) { return Value(ValueMap{{"train", ValueMap{{"domain", name}, {"recipe", "r"}}}}); };
  const Value shape = ValueMap{{"hidden_size", 16}, {"layers", 2}, {"heads", 4}, {"kv_heads", 2}, {"ffn_size", 24}, {"tied_head", tied}};
  const Value training = ValueMap{{"steps", 2}, {"batch_size", 2}, {"sequence_length", 32}};
  return ValueMap{
      {"name", "small"},
      {"domains", ValueMap{{"a", domain("a")}, {"b", domain("b")}}},
      {"recipes", ValueMap{{"r", ValueMap{{"model", shape}, {"training", training}}}}},
      {"sources", ValueMap{{"anchor", "a"}, {"models", ValueMap{{"a", source("a")}, {"b", source("b")}}}}},
      {"calibration", ValueMap{{"tokens", 512}, {"length", 32}}},
      {"windows", ValueMap{{"length", 33}, {"in_domain", 2}, {"out_of_distribution", 2}}},
      {"alignment", alignment},
      {"edits", edits},
  };
}

/// The folders of the alignment and the assembly stage, computed.
std::map<std::string, std::filesystem::path> computed(const Value& tree, const std::filesystem::path& cache_folder) {
  auto experiment = std::make_shared<Experiment>(from_value<Experiment>(tree, "test"));
  for (const SchemaIssue& issue : check_experiment(*experiment, plugin_registry())) FAIL(path_text(issue.path) << ": " << issue.message);
  StageCache cache(cache_folder);
  std::map<std::string, std::filesystem::path> folders;
  for (const StagePtr& stage : build_pipeline(experiment, plugin_registry()).stages)
    if (stage->name == "alignment" || stage->name == "assembly" || stage->label.find("bits_per_byte of the assembled") == 0)
      folders[stage->name] = cache.ensure(*stage, [](const Stage&, double, const std::string&) {}, [] { return false; }).directory;
  return folders;
}

/// HDF5 keeps the names of its links in plain text; its library is for the log room alone.
bool recorded(const std::filesystem::path& folder, const std::string& name) {
  return read_text(folder / "record.h5").find(name.substr(name.rfind('/') + 1)) != std::string::npos;
}

}  // namespace

TEST_CASE("alignment stage: a rotation of everything goes through assembly and edits, for tied and untied heads", "[core][pipeline]") {
  const TemporaryFolder folder;
  write_text(folder / "a", 1);
  write_text(folder / "b", 2);
  for (const bool tied : {false, true}) {
    CAPTURE(tied);
    const auto folders = computed(small(folder.path(), "procrustes", ValueList{"repair", "expert_scale"}, tied), folder / "cache");
    const auto sets = load_transforms(folders.at("alignment"));
    REQUIRE(sets.size() == 2);
    CHECK(sets[0].empty());
    CHECK(sets[1].at("residual").kind() == TransformKind::blocks);
    CHECK(sets[1].contains("final_norm.fold"));
    for (const char* name : {"invariance/logit_change", "invariance/round_trip", "invariance/decoding", "alignment/similarity/residual_cosine", "alignment/gauge/vo_after",
                             "alignment/residual/angles", "alignment/ffn/dual_gap"}) {
      CAPTURE(name);
      CHECK(recorded(folders.at("alignment"), name));
    }
    for (const char* name : {"invariance/ffn_no_op", "edit/repair/mean_factor", "edit/expert_scale/factor", "fusion/pairwise_cosine"}) {
      CAPTURE(name);
      CHECK(recorded(folders.at("assembly"), name));
    }
    const SafetensorsSource repaired(folders.at("assembly") / "edit.0.safetensors"), scaled(folders.at("assembly") / "edit.1.safetensors");
    CHECK(repaired.find("model.layers.1.self_attn.v_proj.weight.scale") != nullptr);
    CHECK(scaled.find("model.layers.0.mlp.experts.1.down_proj.weight.scale") != nullptr);
    // The assembled model is rebuilt from what is stored when it is evaluated.
    CHECK(folders.contains("evaluation"));
  }
}

TEST_CASE("alignment stage: activations are multiplied in the type that the experiment names", "[core][pipeline]") {
  const TemporaryFolder folder;
  write_text(folder / "a", 1);
  write_text(folder / "b", 2);
  const auto rotation = [&](const char* dtype) {
    const Value alignment = ValueMap{{"method", "procrustes"}, {"covariance_dtype", dtype}};
    return load_transforms(computed(small(folder.path(), alignment, ValueList{}, false), folder / "cache").at("alignment"))[1].at("residual").dense();
  };
  const torch::Tensor exact = rotation("float32"), rounded = rotation("bfloat16");
  CHECK_FALSE(torch::equal(exact, rounded));
  CHECK((exact - rounded).norm().item<double>() < 0.1 * exact.norm().item<double>());
}

TEST_CASE("alignment stage: an ancestor with a tied head goes with sources that are untied to be rotated", "[core][pipeline]") {
  const TemporaryFolder folder;
  write_text(folder / "a", 1);
  write_text(folder / "b", 2);
  Value tree = small(folder.path(), "procrustes", ValueList{}, true);
  Value models = *tree.find("sources")->find("models");
  models.set("ancestor", ValueMap{{"train", ValueMap{{"domain", "all"}, {"recipe", "r"}}}});
  tree.set("sources", ValueMap{{"anchor", "a"}, {"models", models}, {"base", "ancestor"}});
  tree.set("fusion", ValueMap{{"attention", "task_arithmetic"}});
  CHECK(recorded(computed(tree, folder / "cache").at("assembly"), "fusion/pairwise_cosine"));
}

TEST_CASE("alignment stage: calibration tokens depend on what the experiment calls a domain, not on who read its text first", "[core][pipeline]") {
  const TemporaryFolder folder;
  write_text(folder / "a", 1);
  write_text(folder / "b", 2);
  const auto permutation = [&](const std::string& name, const std::string& cache) {
    Value tree = small(folder.path(), "activation_matching", ValueList{}, false);
    tree.set("domains", ValueMap{{name, *tree.find("domains")->find("a")}, {"b", *tree.find("domains")->find("b")}});
    Value models = *tree.find("sources")->find("models");
    models.set("a", ValueMap{{"train", ValueMap{{"domain", name}, {"recipe", "r"}}}});
    tree.set("sources", ValueMap{{"anchor", "a"}, {"models", models}});
    return load_transforms(computed(tree, folder / cache).at("alignment"))[1].at("layer.0.ffn").perm();
  };
  const auto alone = permutation("other", "fresh");
  CHECK(permutation("a", "shared") != alone);
  CHECK(permutation("other", "shared") == alone);
}

TEST_CASE("alignment stage: sources left as they are share their ancestor with themselves, and no FFN transform means no comparison", "[core][pipeline]") {
  const TemporaryFolder folder;
  write_text(folder / "a", 1);
  write_text(folder / "b", 2);
  const auto folders = computed(small(folder.path(), "none", ValueList{}, false), folder / "cache");
  CHECK(load_transforms(folders.at("alignment"))[1].empty());
  CHECK(recorded(folders.at("alignment"), "invariance/logit_change"));
  CHECK_FALSE(recorded(folders.at("assembly"), "invariance/ffn_no_op"));
}

TEST_CASE("alignment stage: the checked windows are of every domain", "[core][pipeline]") {
  const torch::Tensor first_token = torch::arange(30, torch::kInt64).unsqueeze(1);  // of domains of ten windows each
  const torch::Tensor checked = checked_windows(first_token.expand({30, 4}));
  CHECK(checked.sizes().vec() == std::vector<std::int64_t>{kCheckedWindows, 4});
  CHECK(std::get<0>(torch::_unique(checked.select(1, 0).floor_divide(10))).numel() == 3);
  CHECK(checked_windows(first_token.narrow(0, 0, 3)).equal(first_token.narrow(0, 0, 3)));
}
