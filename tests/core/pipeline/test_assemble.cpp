// The fused view. T tokens, V vocabulary.
#include "core/pipeline/assemble.hpp"

#include "core/model/language_model.hpp"
#include "core/model/symmetry.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

std::map<TensorKind, std::shared_ptr<const Fusion>> all_kinds(const std::string& method, const Value& params = ValueMap{}) {
  const std::shared_ptr<const Fusion> fusion = make_plugin<Fusion>(method, params);
  return {{TensorKind::embedding, fusion}, {TensorKind::attention, fusion}, {TensorKind::norm, fusion}, {TensorKind::lm_head, fusion}, {TensorKind::ffn, fusion}};
}

std::vector<Model> copies(const Model& model, std::size_t count) {
  std::vector<Model> models(count, model);
  for (std::size_t copy_idx = 0; copy_idx < count; ++copy_idx) models[copy_idx].name = fmt::format("s{}", copy_idx);
  return models;
}

std::vector<Model> different(const ModelSpec& spec, std::size_t count) {
  std::vector<Model> models;
  for (std::size_t source_idx = 0; source_idx < count; ++source_idx) {
    models.push_back(random_model(spec, 100 + source_idx));
    models.back().name = fmt::format("s{}", source_idx);
  }
  return models;
}

AssembleProblem problem(std::vector<Model> sources, const std::string& experts, const std::string& fusion = "average") {
  AssembleProblem result;
  std::vector<std::string> names;
  for (const Model& source : sources) names.push_back(source.name);
  result.plan = make_plugin<Experts>(experts)->plan({sources.front().spec, names, 0}, Context{});
  result.sources = std::move(sources);
  result.fusion = all_kinds(fusion);
  result.router = plugin_registry().canonical("router", {"top_k", ValueMap{}});
  return result;
}

/// Random rows for the linear router of every layer.
std::vector<TensorMap> random_routers(const ModelSpec& spec, const Router& router) {
  std::vector<TensorMap> result(static_cast<std::size_t>(spec.num_layers));
  for (std::size_t layer = 0; layer < result.size(); ++layer)
    for (const RouterParameter& parameter : router.parameters(spec)) {
      torch::Tensor tensor = torch::empty(parameter.shape, torch::kFloat32);
      Random(5, fmt::format("router {}", layer)).fill_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}, 0.0, 1.0);
      result[layer][parameter.name] = tensor;
    }
  return result;
}

torch::Tensor tokens(const ModelSpec& spec) {
  std::vector<std::int64_t> ids;
  Random random(3, "tokens");
  for (int token_idx = 0; token_idx < 24; ++token_idx) ids.push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spec.vocab_size))));
  return torch::tensor(ids, torch::kInt64).view({2, 12});
}

torch::Tensor dense_logits(const Model& model) {
  const torch::Tensor tokens_BT = tokens(model.spec);
  return LanguageModel(model, nullptr).forward(tokens_BT, positions_for(tokens_BT)).detach();
}

torch::Tensor moe_logits(const Model& model, const Method& router) {
  const std::shared_ptr<const Router> plugin = plugin_registry().create<Router>(router);
  const Model whole = with_router_parameters(model, random_routers(model.spec, *plugin));
  const torch::Tensor tokens_BT = tokens(model.spec);
  return LanguageModel(whole, plugin).forward(tokens_BT, positions_for(tokens_BT)).detach();
}

double relative_change(const torch::Tensor& got, const torch::Tensor& expected) {
  return ((got - expected).abs().max() / expected.abs().max()).item<double>();
}

}  // namespace

TEST_CASE("assemble: copies of one source keep its backbone bit for bit and its experts' tensors", "[core][pipeline]") {
  const Model source = random_model(tiny_spec({.qkv_bias = true}), 1);
  for (const std::string fusion : {"average", "slerp", "karcher", "donor"})
    for (const std::size_t num_sources : {2u, 3u}) {
      CAPTURE(fusion, num_sources);
      const Model merged = assemble(problem(copies(source, num_sources), "separate", fusion), "merged");
      REQUIRE(merged.spec.moe);
      CHECK(merged.spec.moe->num_experts == static_cast<std::int64_t>(num_sources));
      for (const SpecTensor& tensor : spec_tensors(source.spec))
        if (tensor.kind != TensorKind::ffn) CHECK(torch::equal(merged.tensors->get(tensor.name), source.tensors->get(tensor.name)));
      CHECK(torch::equal(merged.tensors->get("model.layers.1.mlp.experts.1.down_proj.weight"), source.tensors->get("model.layers.1.mlp.down_proj.weight")));
    }
}

TEST_CASE("assemble: copies of one source are that source for any router whose weights sum to one", "[core][pipeline]") {
  for (const bool tied_head : {false, true}) {
    const Model source = random_model(tiny_spec({.tied_head = tied_head}), 2);
    const torch::Tensor expected = dense_logits(source);
    for (const Method& router : {Method{"top_k", ValueMap{{"k", 2}}}, Method{"top_k", ValueMap{{"k", 3}}}, Method{"hash", ValueMap{{"k", 2}}}}) {
      CAPTURE(tied_head, router.name);
      AssembleProblem same = problem(copies(source, 4), "separate", "slerp");
      same.router = plugin_registry().canonical("router", router);
      CHECK(relative_change(moe_logits(assemble(same, "merged"), router), expected) < 1e-5);
    }
  }
}

TEST_CASE("assemble: an upcycled anchor is the anchor", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 3);
  const Model merged = assemble(problem(sources, "upcycle"), "merged");
  CHECK(relative_change(moe_logits(merged, {"top_k", ValueMap{}}), dense_logits(sources[0])) < 1e-5);
}

TEST_CASE("assemble: FFN permutations of the sources change nothing when experts stay separate", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 3);
  std::vector<Model> permuted;
  for (std::size_t source_idx = 0; source_idx < sources.size(); ++source_idx) {
    permuted.push_back(apply_transforms(sources[source_idx], random_transforms(symmetry_groups(sources[source_idx].spec), {"ffn"}, true, source_idx)));
    permuted.back().name = sources[source_idx].name;
  }
  const Method router{"top_k", ValueMap{}};
  const torch::Tensor expected = moe_logits(assemble(problem(sources, "separate"), "merged"), router);
  CHECK(relative_change(moe_logits(assemble(problem(permuted, "separate"), "merged"), router), expected) < 1e-5);
  // But a dense merge mixes neurons by their index.
  CHECK(relative_change(dense_logits(assemble(problem(permuted, "dense"), "dense")), dense_logits(assemble(problem(sources, "dense"), "dense"))) > 1e-2);
}

TEST_CASE("assemble: every tensor comes from where the plan says", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec({.qkv_bias = true}), 2);
  AssembleProblem mixed = problem(sources, "separate");
  mixed.fusion[TensorKind::attention] = make_plugin<Fusion>("donor", ValueMap{{"source", "s1"}});
  const Model merged = assemble(mixed, "merged");
  const auto read = [](const Model& model, const std::string& name) { return model.tensors->get(name); };
  for (const std::string name : {"model.layers.0.self_attn.k_proj.weight", "model.layers.0.self_attn.k_proj.bias"})
    CHECK(torch::equal(read(merged, name), read(sources[1], name)));
  const std::string norm = "model.norm.weight";
  CHECK(torch::allclose(read(merged, norm), 0.5 * (read(sources[0], norm) + read(sources[1], norm))));
  CHECK(torch::equal(read(merged, "model.layers.1.mlp.experts.1.up_proj.weight"), read(sources[1], "model.layers.1.mlp.up_proj.weight")));
  CHECK(merged.spec.moe->router == plugin_registry().canonical("router", {"top_k", ValueMap{}}));
}

TEST_CASE("assemble: a dense plan fuses the FFNs and has no experts", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 2);
  const Model merged = assemble(problem(sources, "dense"), "merged");
  CHECK_FALSE(merged.spec.moe);
  const std::string name = "model.layers.0.mlp.gate_proj.weight";
  CHECK(torch::allclose(merged.tensors->get(name), 0.5 * (sources[0].tensors->get(name) + sources[1].tensors->get(name))));
  CHECK(merged.tensors->names() == sources[0].tensors->names());
}

TEST_CASE("assemble: noise goes to every copy but the first, in units of each tensor's spread", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 2);
  AssembleProblem noisy = problem(sources, "upcycle");
  noisy.plan.noise = 0.1;
  noisy.seed = 4;
  const Model merged = assemble(noisy, "merged"), again = assemble(noisy, "merged");
  const torch::Tensor given = sources[0].tensors->get("model.layers.0.mlp.up_proj.weight");
  CHECK(torch::equal(merged.tensors->get("model.layers.0.mlp.experts.0.up_proj.weight"), given));
  const torch::Tensor second = merged.tensors->get("model.layers.0.mlp.experts.1.up_proj.weight");
  CHECK((second - given).std().item<double>() == Approx(0.1 * given.std().item<double>()).epsilon(0.1));  // 1536 draws: 5 standard errors
  CHECK(torch::equal(second, again.tensors->get("model.layers.0.mlp.experts.1.up_proj.weight")));
}

TEST_CASE("assemble: units drawn anew are the same in gate, up and down of a copy, other ones in every copy and layer", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 2);
  AssembleProblem dropped = problem(sources, "upcycle");
  dropped.plan.reinitialised = 0.25;
  dropped.seed = 4;
  const Model merged = assemble(dropped, "merged"), again = assemble(dropped, "merged");
  std::vector<torch::Tensor> sets;
  for (const char* expert : {"model.layers.0.mlp.experts.0.", "model.layers.0.mlp.experts.1.", "model.layers.1.mlp.experts.0."}) {
    const std::string of_source = std::string(expert).substr(0, 19);
    torch::Tensor changed_F;
    for (const char* name : {"gate_proj.weight", "up_proj.weight", "down_proj.weight"}) {
      CAPTURE(expert, name);
      const torch::Tensor given = sources[0].tensors->get(of_source + name), drawn = merged.tensors->get(std::string(expert) + name);
      const torch::Tensor rows = (given != drawn).sum(name[0] == 'd' ? 0 : 1);
      CHECK((rows > 0).sum().item<std::int64_t>() == 12);  // a quarter of 48
      if (changed_F.defined()) CHECK(torch::equal(changed_F, rows > 0));
      changed_F = rows > 0;
      CHECK(drawn.std().item<double>() == Approx(given.std().item<double>()).epsilon(0.1));
      CHECK(torch::equal(drawn, again.tensors->get(std::string(expert) + name)));
    }
    sets.push_back(changed_F);
  }
  CHECK_FALSE(torch::equal(sets[0], sets[1]));
  CHECK_FALSE(torch::equal(sets[0], sets[2]));
  dropped.plan.reinitialised = 1.5;
  CHECK_THROWS_WITH(assemble(dropped, "merged"), Catch::Contains("the share of units drawn anew is 1.5, expected 0 to 1"));
}

TEST_CASE("assemble: embedding rows that only some sources hold are the mean of those", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 2);
  AssembleProblem masked = problem(sources, "separate");
  torch::Tensor second_holds_V = torch::ones({sources[0].spec.vocab_size}, torch::kBool);
  second_holds_V[3] = false;
  masked.row_masks = {torch::ones_like(second_holds_V), second_holds_V};
  const torch::Tensor merged_VD = assemble(masked, "merged").tensors->get("model.embed_tokens.weight");
  CHECK(torch::equal(merged_VD[3], sources[0].tensors->get("model.embed_tokens.weight")[3]));
}

TEST_CASE("assemble: sources whose tensors a view makes are fused as if they were in memory", "[core][pipeline]") {
  // More of them than fit in the room for one tensor in float32, so that some are read by rows.
  const ModelSpec spec = tiny_spec({.qkv_bias = true});
  std::vector<Model> moved, in_memory;
  for (Model& source : different(spec, 5)) {
    const TransformSet set = random_transforms(symmetry_groups(spec), {"residual", "ffn", "attention_heads"}, true, moved.size());
    moved.push_back(apply_transforms(source, set));
    in_memory.push_back({spec, std::make_shared<MemorySource>(load_all(*moved.back().tensors), source.name), source.name});
  }
  for (const std::string fusion : {"average", "slerp"}) {
    CAPTURE(fusion);
    const Model viewed = assemble(problem(moved, "dense", fusion), "merged"), expected = assemble(problem(in_memory, "dense", fusion), "merged");
    for (const TensorInfo& info : expected.tensors->infos()) CHECK(torch::equal(viewed.tensors->get(info.name), expected.tensors->get(info.name)));
  }
}

TEST_CASE("assemble: refuses fusion maps, bases and sources that do not fit", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 2);
  AssembleProblem incomplete = problem(sources, "separate");
  incomplete.fusion.erase(TensorKind::norm);
  CHECK_THROWS_WITH(assemble(incomplete, "merged"), Catch::Contains("fusion: no method for tensors of kind 'norm'") && Catch::Contains("expected 'fusion.norm'"));
  CHECK_THROWS_AS(assemble(incomplete, "merged"), ConfigError);

  AssembleProblem baseless = problem(sources, "separate");
  baseless.fusion = all_kinds("task_arithmetic");
  CHECK_THROWS_WITH(assemble(baseless, "merged"), Catch::Contains("needs the sources' common ancestor") && Catch::Contains("expected 'sources.base'"));
  baseless.base = random_model(tiny_spec(), 9);
  CHECK_NOTHROW(assemble(baseless, "merged").tensors->get("model.norm.weight"));

  AssembleProblem other = problem(sources, "separate");
  other.sources[1] = random_model(tiny_spec({.ffn = 40}), 1);
  other.sources[1].name = "narrow";
  CHECK_THROWS_WITH(assemble(other, "merged"), Catch::Contains("assemble: source 'narrow' differs from the anchor 's0' in ffn_size: 40, expected 48"));

  AssembleProblem holed = problem(sources, "separate");
  TensorMap tensors = load_all(*sources[1].tensors);
  tensors.erase("model.layers.0.mlp.up_proj.weight");
  holed.sources[1].tensors = std::make_shared<MemorySource>(tensors, "holed");
  CHECK_THROWS_WITH(assemble(holed, "merged"), Catch::Contains("holed: no tensor 'model.layers.0.mlp.up_proj.weight'"));
  CHECK_THROWS_AS(assemble(holed, "merged"), DataError);
}

TEST_CASE("assemble: a plan with a backbone needs no fusion map", "[core][pipeline]") {
  const std::vector<Model> sources = different(tiny_spec(), 2);
  AssembleProblem upcycled = problem(sources, "upcycle");
  upcycled.fusion.clear();
  const Model merged = assemble(upcycled, "merged");
  for (const SpecTensor& tensor : spec_tensors(sources[0].spec))
    if (tensor.kind != TensorKind::ffn) CHECK(torch::equal(merged.tensors->get(tensor.name), sources[0].tensors->get(tensor.name)));
}

TEST_CASE("router parameters are added under their layer's name and replaced when given again", "[core][pipeline]") {
  const Model merged = assemble(problem(different(tiny_spec(), 2), "separate"), "merged");
  CHECK_FALSE(merged.tensors->find("model.layers.1.mlp.router.weight"));
  const Model first = with_router_parameters(merged, {{{"weight", torch::zeros({2, 32})}}, {{"weight", torch::ones({2, 32})}}});
  CHECK(torch::equal(first.tensors->get("model.layers.1.mlp.router.weight"), torch::ones({2, 32})));
  const Model second = with_router_parameters(first, {{{"weight", torch::full({2, 32}, 5.0f)}}, {}});
  CHECK(torch::equal(second.tensors->get("model.layers.0.mlp.router.weight"), torch::full({2, 32}, 5.0f)));
  CHECK(torch::equal(second.tensors->get("model.layers.1.mlp.router.weight"), torch::ones({2, 32})));
  CHECK_THROWS_WITH(with_router_parameters(merged, {{}}), Catch::Contains("model 'merged' has 2 layers, there are router parameters for 1"));
  CHECK_THROWS_WITH(with_router_parameters(different(tiny_spec(), 1)[0], {{}, {}}), Catch::Contains("model 's0' is dense"));
}
