// What is found out about the sources before a tensor is read.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/checkpoint.hpp"
#include "core/pipeline/source_compatibility.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;
using Lines = std::vector<std::string>;

namespace {

/// Two checkpoints, alpha (the anchor) and beta, as the pipeline sees them.
struct Pair {
  Experiment experiment;
  std::vector<ModelHandle> sources;
  TemporaryFolder folder;

  void add(const std::string& name, const ModelSpec& spec, const CheckpointExtras& extras = {}) {
    write_checkpoint(folder / name, random_model(spec, 1), extras);
    SourceModel source;
    source.checkpoint = (folder / name).string();
    experiment.sources.models.emplace_back(name, source);
    if (sources.empty()) experiment.sources.anchor = name;
    ModelHandle handle;
    handle.label = name;
    handle.spec = read_checkpoint(folder / name).spec;
    sources.push_back(handle);
  }
  std::vector<SourceDifference> differences() const { return source_differences(experiment, sources, std::nullopt); }
};

}  // namespace

TEST_CASE("source_compatibility: equal sources have no differences", "[core][pipeline]") {
  Pair pair;
  pair.add("alpha", tiny_spec(), {"", {1, 2, {3}}});
  pair.add("beta", tiny_spec(), {"", {1, 2, {3}}});
  CHECK(pair.differences().empty());
  CHECK_NOTHROW(check_compatible(pair.differences(), "alpha"));
}

TEST_CASE("source_compatibility: every fatal difference is listed with both values", "[core][pipeline]") {
  Pair pair;
  ModelSpec other = tiny_spec({.kv_heads = 4, .tied_head = true});
  other.rope_theta = 1e6;
  other.norm_eps = 1e-5;
  other.max_positions = 64;
  pair.add("alpha", tiny_spec());
  pair.add("beta", other);
  CHECK(difference_lines(pair.differences(), true) ==
        Lines{"beta: num_kv_heads is 4, the anchor's is 2", "beta: rope_theta is 1000000, the anchor's is 10000",
              "beta: norm_eps is 1e-05, the anchor's is 1e-06", "beta: tied_head is true, the anchor's is false"});
  CHECK(difference_lines(pair.differences(), false) == Lines{"beta: max_positions is 64, the anchor's is 128"});
  CHECK_THROWS_WITH(check_compatible(pair.differences(), "alpha"),
                    "sources: 4 differences from the anchor 'alpha' forbid merging: beta: num_kv_heads is 4, the anchor's is 2; beta: rope_theta is "
                    "1000000, the anchor's is 10000; beta: norm_eps is 1e-05, the anchor's is 1e-06; beta: tied_head is true, the anchor's is false");
  CHECK_THROWS_AS(check_compatible(pair.differences(), "alpha"), DataError);
}

TEST_CASE("source_compatibility: biases and scaled positions are fatal, the family's name is not", "[core][pipeline]") {
  Pair pair;
  ModelSpec mistral = tiny_spec();
  mistral.family = "mistral";
  ModelSpec scaled = tiny_spec({.qkv_bias = true});
  scaled.rope_scaling = RopeScaling{.kind = "linear", .factor = 4.0};
  pair.add("alpha", tiny_spec());
  pair.add("beta", mistral);
  pair.add("gamma", scaled);
  CHECK(difference_lines(pair.differences(), true) ==
        Lines{"gamma: rope_scaling is linear, factor 4, the anchor's is none", "gamma: qkv_bias is true, the anchor's is false"});
  CHECK(difference_lines(pair.differences(), false) ==
        Lines{"beta: family is mistral, the anchor's is llama", "gamma: family is qwen2, the anchor's is llama"});
}

TEST_CASE("source_compatibility: special tokens and what is not its own of a united vocabulary are recorded", "[core][pipeline]") {
  Pair pair;
  pair.add("alpha", tiny_spec(), {"", {1, {}, {3}}});
  pair.add("beta", tiny_spec(), {"", {1, {}, {3, 4}}});
  pair.sources[1].held_rows_V = torch::arange(61) < 40;
  CHECK(difference_lines(pair.differences(), true).empty());
  CHECK(difference_lines(pair.differences(), false) ==
        Lines{"beta: eos_token_id is 3, 4, the anchor's is 3", "beta: vocabulary is 40 of 61 tokens, the anchor's is 61 tokens"});
}
