// Models on disk: written, read back, and refused when damaged.
#include <catch2/catch.hpp>

#include <cstring>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/model/checkpoint.hpp"
#include "core/tensor/safetensors.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

void check_same_tensors(const TensorSource& left, const TensorSource& right) {
  REQUIRE(left.names() == right.names());
  for (const TensorInfo& info : left.infos()) {
    CAPTURE(info.name);
    const torch::Tensor a = left.get(info.name), b = right.get(info.name);
    REQUIRE(a.sizes() == b.sizes());
    REQUIRE(a.scalar_type() == b.scalar_type());
    CHECK(std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0);
  }
}

/// A copy of `model` with some tensors changed.
Model with_tensors(const Model& model, const std::function<void(TensorMap&)>& change) {
  TensorMap tensors = load_all(*model.tensors);
  change(tensors);
  return {model.spec, std::make_shared<MemorySource>(std::move(tensors), "changed"), model.name};
}

/// Replaces a checkpoint's tensors by changed ones, leaving its configuration.
void rewrite_tensors(const fs::path& directory, const std::function<void(TensorMap&)>& change) {
  TensorMap tensors;
  for (const auto& [name, tensor] : load_all(SafetensorsSource(directory))) tensors[name] = tensor.clone();
  change(tensors);
  SafetensorsSink sink(directory / "model.safetensors");
  copy_tensors(MemorySource(std::move(tensors), "changed"), sink);
}

void rewrite_config(const fs::path& directory, const char* key, Value value) {
  Value config = parse_json(read_text(directory / "config.json"), "test");
  config.set(key, std::move(value));
  atomic_write(directory / "config.json", to_json(config));
}

/// `message` must be what follows the directory.
void check_refused(const fs::path& directory, const std::string& message) {
  CHECK_THROWS_WITH(read_checkpoint(directory), fmt::format("{}: {}", directory.string(), message));
  CHECK_THROWS_AS(read_checkpoint(directory), DataError);
}

}  // namespace

TEST_CASE("checkpoint: every architecture survives writing, reading and writing again", "[core][model]") {
  const TemporaryFolder folder;
  ModelSpec own = tiny_spec({.num_experts = 3});
  own.moe->router = {"switch", ValueMap{{"threshold", 0.5}}};
  own.moe->output_scale = 3.0;
  const std::vector<ModelSpec> specs = {tiny_spec(), tiny_spec({.tied_head = true}), tiny_spec({.qkv_bias = true}), tiny_spec({.num_experts = 4}), own,
                                        tiny_spec({.qkv_bias = true, .num_experts = 2})};
  for (const ModelSpec& spec : specs) {
    const Model model = random_model(spec, 11);
    write_checkpoint(folder / "first", model);
    const Model read = read_checkpoint(folder / "first");
    CHECK(read.spec == spec);
    CHECK(read.name == "first");
    check_same_tensors(*read.tensors, *model.tensors);
    write_checkpoint(folder / "second", read);
    for (const char* file : {"model.safetensors", "config.json", "generation_config.json"})
      CHECK(read_text(folder / "first" / file) == read_text(folder / "second" / file));
  }
}

TEST_CASE("checkpoint: a Mixtral directory holds the names and fields that transformers reads", "[core][model]") {
  const TemporaryFolder folder;
  write_checkpoint(folder / "m", random_model(tiny_spec({.num_experts = 4}), 1));
  const Value config = parse_json(read_text(folder / "m/config.json"), "test");
  CHECK(*config.find("architectures") == Value(ValueList{"MixtralForCausalLM"}));
  CHECK(config.find("num_local_experts")->as_int() == 4);
  CHECK(config.find("num_experts_per_tok")->as_int() == 2);
  CHECK(config.find("torch_dtype")->as_string() == "float32");
  CHECK(config.find("symphony") == nullptr);
  const SafetensorsSource tensors(folder / "m");
  CHECK(tensors.metadata().at("format") == "pt");
  CHECK(tensors.info("model.layers.1.block_sparse_moe.experts.3.w2.weight").shape == std::vector<std::int64_t>{32, 48});
  CHECK(tensors.info("model.layers.1.block_sparse_moe.gate.weight").shape == std::vector<std::int64_t>{4, 32});
}

TEST_CASE("checkpoint: routers of our own are stored with all their parameters, under a type that transformers refuses", "[core][model]") {
  const TemporaryFolder folder;
  ModelSpec spec = tiny_spec({.num_experts = 4});
  spec.moe->router = {"invented", ValueMap{{"depth", 2}}};
  const Model model = with_tensors(random_model(spec, 1), [](TensorMap& tensors) {
    tensors["model.layers.0.mlp.router.first.weight"] = torch::ones({7, 32});
    tensors["model.layers.1.mlp.router.threshold"] = torch::full({}, 0.5);
  });
  write_checkpoint(folder / "m", model);
  CHECK(parse_json(read_text(folder / "m/config.json"), "test").find("model_type")->as_string() == "symphony_moe");
  const Model read = read_checkpoint(folder / "m");
  CHECK(read.spec == spec);
  check_same_tensors(*read.tensors, *model.tensors);
}

TEST_CASE("checkpoint: half-precision tensors keep their bits", "[core][model]") {
  const TemporaryFolder folder;
  const Model model = with_tensors(random_model(tiny_spec(), 5), [](TensorMap& tensors) {
    for (auto& [name, tensor] : tensors) tensor = tensor.to(torch::kBFloat16);
  });
  write_checkpoint(folder / "m", model);
  CHECK(parse_json(read_text(folder / "m/config.json"), "test").find("torch_dtype")->as_string() == "bfloat16");
  check_same_tensors(*read_checkpoint(folder / "m").tensors, *model.tensors);
}

TEST_CASE("checkpoint: tokenizer and special tokens travel with the model", "[core][model]") {
  const TemporaryFolder folder;
  const CheckpointExtras extras{"{\"version\": \"1.0\"}", {256, {}, {257}}};
  write_checkpoint(folder / "m", random_model(tiny_spec(), 1), extras);
  CHECK(read_checkpoint_extras(folder / "m").tokenizer_json == extras.tokenizer_json);
  CHECK(read_checkpoint_extras(folder / "m").token_ids == extras.token_ids);
  CHECK(parse_json(read_text(folder / "m/generation_config.json"), "test").find("eos_token_id")->as_int() == 257);
  write_checkpoint(folder / "bare", random_model(tiny_spec(), 1));
  CHECK(read_checkpoint_extras(folder / "bare").tokenizer_json.empty());
  CHECK_FALSE(fs::exists(folder / "bare/tokenizer.json"));
}

TEST_CASE("checkpoint: a failed write leaves the old directory and nothing beside it", "[core][model]") {
  const TemporaryFolder folder;
  const Model good = random_model(tiny_spec(), 1);
  write_checkpoint(folder / "m", good);
  const Model bad = with_tensors(good, [](TensorMap& tensors) { tensors.erase("model.norm.weight"); });
  CHECK_THROWS_WITH(write_checkpoint(folder / "m", bad), "changed: 1 tensors of the configuration are missing: 'model.norm.weight'");
  check_same_tensors(*read_checkpoint(folder / "m").tensors, *good.tensors);
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("checkpoint: writing over a checkpoint does not disturb who reads it", "[core][model]") {
  const TemporaryFolder folder;
  const Model first = random_model(tiny_spec(), 1), second = random_model(tiny_spec(), 2);
  write_checkpoint(folder / "m", first);
  const Model reading = read_checkpoint(folder / "m");
  write_checkpoint(folder / "m/", second);
  check_same_tensors(*reading.tensors, *first.tensors);
  check_same_tensors(*read_checkpoint(folder / "m").tensors, *second.tensors);
}

TEST_CASE("checkpoint: missing and extra tensors are listed with what they may have been", "[core][model]") {
  const TemporaryFolder folder;
  write_checkpoint(folder / "m", random_model(tiny_spec(), 1));
  rewrite_tensors(folder / "m", [](TensorMap& tensors) {
    tensors["model.layers.0.mlp.gate_porj.weight"] = tensors.at("model.layers.0.mlp.gate_proj.weight");
    tensors.erase("model.layers.0.mlp.gate_proj.weight");
  });
  check_refused(folder / "m",
                "1 tensors of the configuration are missing: 'model.layers.0.mlp.gate_proj.weight' (is it 'model.layers.0.mlp.gate_porj.weight'?)");
  write_checkpoint(folder / "m", random_model(tiny_spec(), 1));
  rewrite_tensors(folder / "m", [](TensorMap& tensors) { tensors["model.layers.0.self_attn.q_norm.weight"] = torch::ones({8}); });
  check_refused(folder / "m", "1 tensors are not in the configuration: 'model.layers.0.self_attn.q_norm.weight'");
}

TEST_CASE("checkpoint: a head without tie_word_embeddings must be stored", "[core][model]") {
  const TemporaryFolder folder;
  write_checkpoint(folder / "m", random_model(tiny_spec({.tied_head = true}), 1));
  rewrite_config(folder / "m", "tie_word_embeddings", false);
  CHECK_THROWS_WITH(read_checkpoint(folder / "m"), Contains("'lm_head.weight'") && Contains("; is tie_word_embeddings true?"));
}

TEST_CASE("checkpoint: a tied head may be stored, if it is the embedding", "[core][model]") {
  const TemporaryFolder folder;
  const Model model = random_model(tiny_spec({.tied_head = true}), 1);
  write_checkpoint(folder / "m", model);
  rewrite_tensors(folder / "m", [](TensorMap& tensors) { tensors["lm_head.weight"] = tensors.at("model.embed_tokens.weight").clone(); });
  check_same_tensors(*read_checkpoint(folder / "m").tensors, *model.tensors);
  rewrite_tensors(folder / "m", [](TensorMap& tensors) { tensors.at("lm_head.weight")[0][0] += 1; });
  check_refused(folder / "m", "tie_word_embeddings is true, but lm_head.weight differs from model.embed_tokens.weight");
}

TEST_CASE("checkpoint: rotary frequencies of old files are passed over", "[core][model]") {
  const TemporaryFolder folder;
  const Model model = random_model(tiny_spec(), 1);
  write_checkpoint(folder / "m", model);
  rewrite_tensors(folder / "m", [](TensorMap& tensors) { tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch::ones({4}); });
  check_same_tensors(*read_checkpoint(folder / "m").tensors, *model.tensors);
}

TEST_CASE("checkpoint: tensors that contradict config.json are refused with both values", "[core][model]") {
  const TemporaryFolder folder;
  write_checkpoint(folder / "m", random_model(tiny_spec(), 1));
  rewrite_config(folder / "m", "vocab_size", 62);
  check_refused(folder / "m", "tensor 'model.embed_tokens.weight' has shape [61, 32], the configuration asks for [62, 32]");
  write_checkpoint(folder / "m", random_model(tiny_spec({.num_experts = 4}), 1));
  rewrite_tensors(folder / "m", [](TensorMap& tensors) { tensors["model.layers.1.block_sparse_moe.gate.weight"] = torch::ones({3, 32}); });
  check_refused(folder / "m", "tensor 'model.layers.1.block_sparse_moe.gate.weight' has shape [3, 32], the configuration asks for [4, 32]");
  write_checkpoint(folder / "m", random_model(tiny_spec(), 1));
  rewrite_tensors(folder / "m", [](TensorMap& tensors) { tensors["model.norm.weight"] = torch::ones({32}, torch::kInt64); });
  check_refused(folder / "m", "tensor 'model.norm.weight' is Long, expected a floating-point type");
}

TEST_CASE("checkpoint: a folder without configuration or tensors is refused", "[core][model]") {
  const TemporaryFolder folder;
  check_refused(folder.path(), "has no config.json; expected a Hugging Face model directory");
  write_checkpoint(folder / "m", random_model(tiny_spec(), 1));
  fs::remove(folder / "m/model.safetensors");
  check_refused(folder / "m", "the folder holds neither model.safetensors nor model.safetensors.index.json");
  atomic_write(folder / "m/pytorch_model.bin", "");
  check_refused(folder / "m", "the folder holds neither model.safetensors nor model.safetensors.index.json; 'pytorch_model.bin' is a pickle, which can run "
                              "code and is never read: save the model as safetensors");
}

TEST_CASE("checkpoint: what is too large for a file is written in shards that read as the same model", "[core][model]") {
  const TemporaryFolder folder;
  const Model model = random_model(tiny_spec(), 7);
  write_checkpoint(folder / "m", model, {}, {.family = {}, .dtype = {}, .max_file_bytes = 20'000});
  const Value index = parse_json(read_text(folder / "m/model.safetensors.index.json"), "test");
  CHECK(index.find("metadata")->find("total_size")->as_int() == 4 * count_parameters(model.spec));
  const std::string first = index.find("weight_map")->find("lm_head.weight")->as_string();
  CHECK(first.starts_with("model-00001-of-"));
  CHECK_FALSE(fs::exists(folder / "m/model.safetensors"));
  check_same_tensors(*read_checkpoint(folder / "m").tensors, *model.tensors);
  fs::remove(folder / ("m/" + first));
  CHECK_THROWS_WITH(read_checkpoint(folder / "m"), Contains(fmt::format("names the shard '{}', which does not exist", first)));
}

TEST_CASE("checkpoint: the written type is a choice, and rounding happens once", "[core][model]") {
  const TemporaryFolder folder;
  const Model model = random_model(tiny_spec({.num_experts = 2}), 8);
  for (const auto& [dtype, name] : {std::pair{torch::kBFloat16, "bfloat16"}, std::pair{torch::kFloat16, "float16"}, std::pair{torch::kFloat32, "float32"}}) {
    write_checkpoint(folder / "m", model, {}, {.family = {}, .experts = ExpertLayout::packed, .dtype = dtype});
    CHECK(parse_json(read_text(folder / "m/config.json"), "test").find("torch_dtype")->as_string() == name);
    const Model read = read_checkpoint(folder / "m");
    for (const TensorInfo& info : read.tensors->infos()) {
      CHECK(info.dtype == dtype);
      CHECK(torch::equal(read.tensors->get(info.name), model.tensors->get(info.name).to(dtype)));
    }
  }
}

TEST_CASE("checkpoint: a link may lead to its own folder or the hub's blobs, and nowhere else", "[core][model]") {
  const TemporaryFolder folder;
  const Model model = random_model(tiny_spec(), 9);
  write_checkpoint(folder / "elsewhere", model);
  write_checkpoint(folder / "m", model);
  fs::remove(folder / "m/model.safetensors");
  fs::create_symlink(folder / "elsewhere/model.safetensors", folder / "m/model.safetensors");
  CHECK_THROWS_WITH(read_checkpoint(folder / "m"), Contains("m/model.safetensors: is a link to") && Contains("outside its folder"));
  fs::remove(folder / "m/model.safetensors");
  fs::create_symlink("nothing", folder / "m/model.safetensors");
  CHECK_THROWS_AS(read_checkpoint(folder / "m"), DataError);
  fs::remove(folder / "m/model.safetensors");
  fs::copy_file(folder / "elsewhere/model.safetensors", folder / "m/blob");
  fs::create_symlink("blob", folder / "m/model.safetensors");
  check_same_tensors(*read_checkpoint(folder / "m").tensors, *model.tensors);

  const fs::path snapshot = folder / "hub/models--a--b/snapshots/0123";
  fs::create_directories(snapshot);
  fs::create_directories(folder / "hub/models--a--b/blobs");
  for (const char* file : {"config.json", "model.safetensors"}) {
    fs::copy_file(folder / (std::string("elsewhere/") + file), folder / (std::string("hub/models--a--b/blobs/") + file));
    fs::create_symlink(std::string("../../blobs/") + file, snapshot / file);
  }
  check_same_tensors(*read_checkpoint(snapshot).tensors, *model.tensors);
}
