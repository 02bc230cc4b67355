// Every family against PyTorch transformers (tests/reference/families_golden.py): what it saves is read, gives its logits and its greedy
// continuation, and is written again bit for bit.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/model/checkpoint.hpp"
#include "core/model/language_model.hpp"
#include "core/model/layer_streamed.hpp"
#include "core/tensor/safetensors.hpp"
#include "tests/support/golden_checkpoint.hpp"
#include "tests/support/linear_router.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

constexpr double kTolerance = 1e-5;  // of the largest logit: float32 sums in another order

std::shared_ptr<const Router> router_of(const ModelSpec& spec) {
  if (!spec.moe) return nullptr;
  const ImpliedRouter implied = as_implied(spec.moe->router).value();
  return std::make_shared<LinearRouter>(implied.experts_per_token, implied.renormalised);
}

torch::Tensor as_batch(const std::vector<std::int64_t>& tokens) { return torch::tensor(tokens, torch::kInt64).unsqueeze(0); }

double relative_difference(const torch::Tensor& ours, const torch::Tensor& theirs) {
  return ((ours - theirs).abs().max() / theirs.abs().max()).item<double>();
}

void check_logits(const Model& model, const GoldenModel& golden) {
  const LanguageModel predictor(model, router_of(model.spec));
  const auto tokens_BT = as_batch(golden.prompt);
  CHECK(relative_difference(predictor.forward(tokens_BT, positions_for(tokens_BT))[0], golden.logits_TV) < kTolerance);
}

std::vector<std::int64_t> continued(const Predictor& predictor, const GoldenModel& golden) {
  DecodeState state;
  std::vector<std::int64_t> pending = golden.prompt, text;
  while (text.size() < golden.greedy.size()) {
    const auto tokens_BT = as_batch(pending);
    const auto logits_BTV = predictor.forward(tokens_BT, positions_for(tokens_BT, state.length), &state);
    pending = {logits_BTV[0][-1].argmax().item<std::int64_t>()};
    text.push_back(pending.front());
  }
  return text;
}

std::string all_bytes(const std::filesystem::path& directory) {
  return read_text(directory / "config.json") + read_text(directory / "model.safetensors");
}

}  // namespace

TEST_CASE("families: logits and greedy continuations are those of transformers", "[core][model]") {
  const TemporaryFolder folder;
  for (const GoldenModel& golden : golden_models()) {
    CAPTURE(golden.name);
    write_golden(folder / golden.name, golden);
    const Model model = read_checkpoint(folder / golden.name);
    check_logits(model, golden);
    CHECK(continued(LanguageModel(model, router_of(model.spec)), golden) == golden.greedy);
  }
}

TEST_CASE("families: the streamed executor gives the logits of transformers", "[core][model]") {
  const TemporaryFolder folder;
  for (const GoldenModel& golden : golden_models()) {
    CAPTURE(golden.name);
    write_golden(folder / golden.name, golden);
    const Model model = read_checkpoint(folder / golden.name);
    LayerStreamed stream(model, as_batch(golden.prompt), router_of(model.spec));
    run_all(stream, nullptr);
    CHECK(relative_difference(stream.logits(0)[0], golden.logits_TV) < kTolerance);
  }
}

TEST_CASE("families: a prompt in one pass equals the same prompt token by token", "[core][model]") {
  const TemporaryFolder folder;
  for (const GoldenModel& golden : golden_models()) {
    CAPTURE(golden.name);
    write_golden(folder / golden.name, golden);
    const Model model = read_checkpoint(folder / golden.name);
    const LanguageModel predictor(model, router_of(model.spec));
    DecodeState state;
    std::vector<torch::Tensor> rows;
    for (const std::int64_t token : golden.prompt) {
      const auto tokens_BT = as_batch({token});
      rows.push_back(predictor.forward(tokens_BT, positions_for(tokens_BT, state.length), &state)[0]);
    }
    CHECK(relative_difference(torch::cat(rows), golden.logits_TV) < kTolerance);
  }
}

TEST_CASE("families: what was read is written in its own family, and the second writing has the first one's bytes", "[core][model]") {
  const TemporaryFolder folder;
  for (const GoldenModel& golden : golden_models()) {
    CAPTURE(golden.name);
    write_golden(folder / "given", golden);
    const Model given = read_checkpoint(folder / "given");
    write_checkpoint(folder / "first", given, read_checkpoint_extras(folder / "given"), read_checkpoint_format(folder / "given"));
    const Model first = read_checkpoint(folder / "first");
    CHECK(first.spec == given.spec);
    CHECK(read_checkpoint_format(folder / "first").family == golden.config.find("model_type")->as_string());
    for (const auto& [name, tensor] : golden.tensors)
      if (tensor.numel() > 0 && !(given.spec.moe && given.spec.moe->shared_width == 0 && name.ends_with("shared_expert_gate.weight")))
        CHECK(torch::equal(SafetensorsSource(folder / "first").get(name), tensor));
    write_checkpoint(folder / "second", first, read_checkpoint_extras(folder / "first"), read_checkpoint_format(folder / "first"));
    CHECK(all_bytes(folder / "first") == all_bytes(folder / "second"));
    check_logits(first, golden);
  }
}

TEST_CASE("families: packed experts are read and written like experts apart", "[core][model]") {
  const TemporaryFolder folder;
  for (const char* name : {"mixtral", "qwen2_moe", "qwen2_moe_renormalised", "qwen3_moe"}) {
    CAPTURE(name);
    const GoldenModel golden = golden_model(name);
    write_golden(folder / "apart", golden);
    const Model apart = read_checkpoint(folder / "apart");
    CheckpointFormat packed = read_checkpoint_format(folder / "apart");
    CHECK(packed.experts == ExpertLayout::separate);
    packed.experts = ExpertLayout::packed;
    write_checkpoint(folder / "packed", apart, {}, packed);
    const SafetensorsSource stored(folder / "packed");
    CHECK(stored.info("model.layers.1.mlp.experts.gate_up_proj").shape ==
          std::vector<std::int64_t>{apart.spec.moe->num_experts, 2 * apart.spec.moe->expert_width, apart.spec.hidden_size});
    CHECK(stored.find("model.layers.0.mlp.gate.weight"));
    CHECK(read_checkpoint_format(folder / "packed") == packed);
    const Model read = read_checkpoint(folder / "packed");
    CHECK(read.spec == apart.spec);
    check_logits(read, golden);
    write_checkpoint(folder / "again", read, {}, packed);
    CHECK(all_bytes(folder / "packed") == all_bytes(folder / "again"));
    packed.experts = ExpertLayout::separate;
    write_checkpoint(folder / "apart again", read, {}, packed);
    for (const TensorInfo& info : apart.tensors->infos())
      CHECK(torch::equal(read_checkpoint(folder / "apart again").tensors->get(info.name), apart.tensors->get(info.name)));
  }
}

TEST_CASE("families: a packed tensor that contradicts the configuration is refused", "[core][model]") {
  const TemporaryFolder folder;
  GoldenModel golden = golden_model("mixtral");
  write_golden(folder / "apart", golden);
  write_checkpoint(folder / "m", read_checkpoint(folder / "apart"), {}, {.family = "mixtral", .experts = ExpertLayout::packed, .dtype = {}});
  TensorMap tensors;
  for (const auto& [name, tensor] : load_all(SafetensorsSource(folder / "m"))) tensors[name] = tensor.clone();
  tensors["model.layers.0.mlp.experts.gate_up_proj"] = torch::zeros({4, 79, 24});
  golden.tensors = tensors;
  golden.config = parse_json(read_text(folder / "m/config.json"), "test");
  write_golden(folder / "m", golden);
  CHECK_THROWS_WITH(read_checkpoint(folder / "m"),
                    Contains("tensor 'model.layers.0.mlp.experts.gate_up_proj' has shape [4, 79, 24], the configuration asks for [4, 80, 24]"));
}

TEST_CASE("families: a mixture is written as the family that computes it", "[core][model]") {
  const auto written = [](const ModelSpec& spec) { return std::string(family_to_write(spec, "", "here").model_type); };
  ModelSpec spec = tiny_spec({.num_experts = 4});
  CHECK(written(spec) == "mixtral");
  spec.family = "mistral";
  CHECK(written(spec) == "mixtral");
  CHECK(written(tiny_spec({.qkv_bias = true, .num_experts = 4})) == "qwen2_moe");
  spec.moe->shared_width = 16;
  CHECK(written(spec) == "qwen2_moe");
  spec.moe->shared_width = 0;
  spec.moe->router = implied_router(false, 2);
  CHECK(written(spec) == "qwen2_moe");
  spec.family = "qwen3";
  spec.qk_norm = true;
  CHECK(written(spec) == "qwen3_moe");
  spec.moe->output_scale = 2.0;
  CHECK(written(spec) == "symphony_moe");
  spec.moe->output_scale = 1.0;
  spec.moe->router.params.set("jitter", 0.1);
  CHECK(written(spec) == "symphony_moe");
}

TEST_CASE("families: a family that cannot hold the model is refused with the reason and what can", "[core][model]") {
  const auto refused = [](const ModelSpec& spec, const char* family, const std::string& message) {
    CHECK_THROWS_WITH(family_to_write(spec, family, "here"), message);
    CHECK_THROWS_AS(family_to_write(spec, family, "here"), DataError);
  };
  const ModelSpec biased = tiny_spec({.qkv_bias = true, .num_experts = 4});
  refused(biased, "mixtral", "here: cannot be written as mixtral: the model has q/k/v biases, which mixtral does not have; what fits is qwen2_moe, symphony_moe");
  ModelSpec spec = tiny_spec({.num_experts = 4});
  spec.moe->shared_width = 16;
  refused(spec, "mixtral", "here: cannot be written as mixtral: the model has a shared expert, which mixtral does not have; what fits is qwen2_moe, symphony_moe");
  spec = tiny_spec({.num_experts = 4});
  spec.moe->router = implied_router(false, 2);
  refused(spec, "mixtral",
          "here: cannot be written as mixtral: the model has expert weights that do not sum to 1, while those of mixtral always do; what fits is qwen2_moe, symphony_moe");
  spec.moe->router.name = "switch";
  refused(spec, "qwen2_moe", "here: cannot be written as qwen2_moe: the model has the router 'switch', which qwen2_moe does not have; what fits is symphony_moe");
  refused(tiny_spec(), "mixtral", "here: cannot be written as mixtral: the model has no experts, while mixtral is a mixture; what fits is llama, mistral");
  refused(tiny_spec(), "mixtrol", "here: unknown model_type 'mixtrol'; did you mean 'mixtral'?");
  refused(tiny_spec(), "qwen2", "here: cannot be written as qwen2: the model has no q/k/v biases, which qwen2 always has; what fits is llama, mistral");
}

TEST_CASE("families: every one is named once and has the dense kin that it names", "[core][model]") {
  std::set<std::string_view> names;
  const auto dense = dense_family_names();
  for (const Family* family : all_families()) {
    CHECK(names.insert(family->model_type).second);
    CHECK((family->spec_family.empty() || std::count(dense.begin(), dense.end(), family->spec_family) == 1));
    CHECK((family->moe || family->spec_family == family->model_type));
  }
}

// For tests/reference/test_families.py, which lets transformers load what is written here: every golden model, and mixtures of our own making in
// both layouts, in shards. Ours are the logits and greedy continuations in expected.json.
TEST_CASE("families: a sample of everything that is written", "[.][families_sample]") {
  const std::filesystem::path folder = SYMPHONY_BINARY_DIR "/families_sample";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder / "given");
  std::vector<std::pair<std::string, Model>> models;
  const auto goldens = golden_models();
  for (const GoldenModel& golden : goldens) {
    write_golden(folder / "given" / golden.name, golden);
    models.emplace_back(golden.name, read_checkpoint(folder / "given" / golden.name));
  }
  models.emplace_back("our_mixtral", random_model(tiny_spec({.num_experts = 3}), 21));
  models.emplace_back("our_qwen2_moe", random_model(tiny_spec({.qkv_bias = true, .tied_head = true, .num_experts = 3}), 22));
  Value expected = ValueMap{};
  for (const auto& [name, model] : models) {
    const LanguageModel predictor(model, router_of(model.spec));
    const auto tokens_BT = as_batch(goldens.front().prompt);
    const auto logits = predictor.forward(tokens_BT, positions_for(tokens_BT)).flatten().contiguous();
    GoldenModel asked = goldens.front();
    const auto greedy = continued(predictor, asked);
    const Value entry = ValueMap{{"logits", ValueList(logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel())},
                                 {"greedy", ValueList(greedy.begin(), greedy.end())}};
    for (const ExpertLayout layout : {ExpertLayout::separate, ExpertLayout::packed}) {
      if (layout == ExpertLayout::packed && !model.spec.moe) continue;
      const std::string directory = name + (layout == ExpertLayout::packed ? "-packed" : "");
      write_checkpoint(folder / directory, model, {}, {.family = {}, .experts = layout, .dtype = {}, .max_file_bytes = 30'000});
      expected.set(directory, entry);
    }
  }
  atomic_write(folder / "expected.json", to_json(expected));
  CHECK(expected.as_map().size() == models.size() + 6);
}
