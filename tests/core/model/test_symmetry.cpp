// Every group is a symmetry and every look-alike is not, judged by an independent float64 decoder (methods-alignment, table of section 1).
#include <set>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/model/language_model.hpp"
#include "core/model/symmetry.hpp"
#include "tests/support/reference_forward.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

std::vector<std::int64_t> random_tokens(const ModelSpec& spec, std::int64_t count, std::uint64_t seed) {
  Random random(seed, "tokens");
  std::vector<std::int64_t> tokens;
  for (std::int64_t position = 0; position < count; ++position)
    tokens.push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spec.vocab_size))));
  return tokens;
}

/// Softmax over the two best of x . router^T.
ReferenceRouter top_two(const TensorMap& parameters) {
  return [&parameters](std::int64_t layer, std::int64_t, const std::vector<double>& x) {
    const torch::Tensor rows = parameters.at(fmt::format("model.layers.{}.mlp.router.weight", layer)).to(torch::kFloat64);
    const auto [best, experts] = rows.mv(torch::tensor(x, torch::kFloat64)).topk(2);
    const torch::Tensor weights = torch::softmax(best, 0);
    return std::vector<ReferenceChoice>{{experts[0].item<std::int64_t>(), weights[0].item<double>()},
                                        {experts[1].item<std::int64_t>(), weights[1].item<double>()}};
  };
}

/// max|dlogit| / max|logit|
double logit_change(const Model& original, const Model& changed, std::uint64_t seed) {
  const auto tokens = random_tokens(original.spec, 8, seed);
  const TensorMap before_tensors = load_all(*original.tensors), after_tensors = load_all(*changed.tensors);
  const auto before = reference_forward(original.spec, before_tensors, tokens, top_two(before_tensors));
  const auto after = reference_forward(changed.spec, after_tensors, tokens, top_two(after_tensors));
  double change = 0, largest = 0;
  for (std::size_t token = 0; token < before.size(); ++token)
    for (std::size_t entry = 0; entry < before[token].size(); ++entry) {
      change = std::max(change, std::abs(after[token][entry] - before[token][entry]));
      largest = std::max(largest, std::abs(before[token][entry]));
    }
  return change / largest;
}

struct Variant {
  const char* name;
  TinyOptions options;
  ModelSpec spec() const { return tiny_spec(options); }
};

/// D 12, F 20, 4 query heads in 2 groups.
TinyOptions small() { return {.layers = 2, .hidden = 12, .heads = 4, .kv_heads = 2, .head_dim = 6, .ffn = 20, .vocab = 23}; }

std::vector<Variant> variants() {
  std::vector<Variant> all{{"llama", small()}, {"qwen2 with biases", small()}, {"tied", small()}, {"no grouped queries", small()}, {"MoE", small()}};
  all[1].options.qkv_bias = true;
  all[2].options.tied_head = true;
  all[3].options.kv_heads = 4;
  all[4].options.num_experts = 3;
  return all;
}

class Collect final : public Tap {
 public:
  bool wants(Site site, std::int64_t) const override { return site == Site::residual || site == Site::ffn_hidden; }
  void record(Site site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    (site == Site::residual ? residual_TD : ffn_hidden_TF).push_back(values.clone());
  }
  std::vector<torch::Tensor> residual_TD, ffn_hidden_TF;
};

Collect activations(const Model& model, const torch::Tensor& tokens_BT) {
  Collect tap;
  ForwardOptions options;
  options.tap = &tap;
  LanguageModel(model, nullptr).run(tokens_BT, positions_for(tokens_BT), options);
  return tap;
}

Model with_tensor(const Model& model, const std::string& name, const torch::Tensor& tensor) {
  TensorMap tensors = load_all(*model.tensors);
  REQUIRE(tensors.contains(name));
  tensors[name] = tensor;
  return {model.spec, std::make_shared<MemorySource>(tensors, "changed"), "changed"};
}

Transform reversed(std::int64_t size) {
  std::vector<std::int64_t> perm;
  for (std::int64_t unit = size; unit-- > 0;) perm.push_back(unit);
  return Transform::monomial(perm);
}

Transform alternating_signs(std::int64_t size) {
  std::vector<std::int64_t> perm;
  std::vector<std::int8_t> sign;
  for (std::int64_t unit = 0; unit < size; ++unit) perm.push_back(unit), sign.push_back(unit % 2 ? -1 : 1);
  return Transform::monomial(perm, sign);
}

}  // namespace

TEST_CASE("symmetry: logits do not change under any scope, nor under all at once", "[core][model]") {
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    const auto groups = symmetry_groups(variant.spec());
    for (const std::vector<std::string>& scopes : std::vector<std::vector<std::string>>{{"ffn"}, {"attention_heads"}, {"residual"}, scope_names()}) {
      const std::uint64_t seed = 17 + scopes.size();
      CAPTURE(scopes, seed);
      const Model model = random_model(variant.spec(), seed);
      const TransformSet set = random_transforms(groups, scopes, true, seed);
      CHECK(set.size() > 0);
      // Signs and gathers are exact in float32; what remains is the order of float64 sums.
      CHECK(logit_change(model, apply_transforms(model, set), seed) < 1e-12);
    }
  }
}

TEST_CASE("symmetry: the residual stream and hidden units move as their groups say", "[core][model]") {
  const Model model = random_model(tiny_spec(small()), 3);
  const TransformSet set = random_transforms(symmetry_groups(model.spec), scope_names(), true, 3);
  const torch::Tensor tokens_BT = torch::tensor(random_tokens(model.spec, 16, 3)).reshape({2, 8});
  const Collect before = activations(model, tokens_BT), after = activations(apply_transforms(model, set), tokens_BT);
  REQUIRE(before.residual_TD.size() == 2);
  REQUIRE(before.ffn_hidden_TF.size() == 2);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    const Transform& ffn = set.at(fmt::format("layer.{}.ffn", layer));
    CHECK(torch::allclose(after.residual_TD[layer], set.at("residual").apply(before.residual_TD[layer], 1), 1e-4, 1e-5));
    CHECK(torch::allclose(after.ffn_hidden_TF[layer], ffn.apply(before.ffn_hidden_TF[layer], 1), 1e-4, 1e-5));
  }
}

TEST_CASE("symmetry: every use that is forgotten changes the logits", "[core][model]") {
  for (const Variant& variant : variants()) {
    const Model model = random_model(variant.spec(), 5);
    const auto groups = symmetry_groups(variant.spec());
    for (const SymmetryGroup& group : groups) {
      if (group.layer > 0) continue;  // the layers are alike
      TransformSet set = random_transforms({group}, {group.scope}, true, 5);
      if (group.scope == "attention_heads") set = {{group.id, reversed(group.size)}};  // a random element may leave the KV groups in place
      const Model moved = apply_transforms(model, set);
      for (const AxisUse& use : group.uses) {
        if (use.tensor.find("layers.1.") != std::string::npos) continue;
        CAPTURE(variant.name, group.id, use.tensor);
        CHECK(logit_change(model, with_tensor(moved, use.tensor, model.tensors->get(use.tensor)), 5) > 1e-3);
      }
    }
  }
}

TEST_CASE("symmetry: look-alikes that are no symmetries change the logits by more than one percent", "[core][model]") {
  const Model model = random_model(tiny_spec(small()), 7);
  const std::string layer = "model.layers.0.";
  SECTION("gate signs") {
    const Transform signs = alternating_signs(model.spec.ffn_size);
    const TransformSet set{{"layer.0.ffn", signs}};
    const Model moved = apply_transforms(model, set);
    const std::string gate = layer + "mlp.gate_proj.weight";
    CHECK(logit_change(model, with_tensor(moved, gate, signs.apply(model.tensors->get(gate), 0)), 7) > 1e-2);
  }
  SECTION("query heads permuted across groups, the groups left in place") {
    const Transform across = Transform::monomial({2, 1, 0, 3});
    Model moved = with_tensor(model, layer + "self_attn.q_proj.weight", across.apply(model.tensors->get(layer + "self_attn.q_proj.weight"), 0, 6));
    moved = with_tensor(moved, layer + "self_attn.o_proj.weight", across.apply(model.tensors->get(layer + "self_attn.o_proj.weight"), 1, 6));
    CHECK(logit_change(model, moved, 7) > 1e-2);
  }
  SECTION("features permuted inside heads under RoPE") {
    const Transform inside = Transform::monomial({1, 0, 2, 3, 4, 5});
    const auto every_head = [&](const std::string& name) {
      const torch::Tensor weight = model.tensors->get(name);
      return inside.apply(weight.reshape({-1, 6, weight.size(1)}), 1).reshape(weight.sizes());
    };
    Model moved = with_tensor(model, layer + "self_attn.q_proj.weight", every_head(layer + "self_attn.q_proj.weight"));
    moved = with_tensor(moved, layer + "self_attn.k_proj.weight", every_head(layer + "self_attn.k_proj.weight"));
    CHECK(logit_change(model, moved, 7) > 1e-2);
  }
  SECTION("signs on norm gains") {
    const std::string norm = layer + "input_layernorm.weight";
    const Transform signs = alternating_signs(model.spec.hidden_size);
    CHECK(logit_change(model, with_tensor(model, norm, signs.apply(model.tensors->get(norm), 0)), 7) > 1e-2);
  }
  SECTION("another residual element in one layer than in the others") {
    const TransformSet set = random_transforms(symmetry_groups(model.spec), {"residual"}, true, 7);
    const Model moved = apply_transforms(model, set);
    TensorMap tensors = load_all(*moved.tensors);
    for (auto& [name, tensor] : tensors)
      if (name.starts_with("model.layers.1.")) tensor = model.tensors->get(name);
    CHECK(logit_change(model, {model.spec, std::make_shared<MemorySource>(tensors, "torn"), "torn"}, 7) > 1e-2);
  }
}

TEST_CASE("symmetry: an element and its inverse give back every tensor bit for bit", "[core][model]") {
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    const Model model = random_model(variant.spec(), 11);
    const auto groups = symmetry_groups(variant.spec());
    const TransformSet first = random_transforms(groups, scope_names(), true, 11), second = random_transforms(groups, scope_names(), true, 12);
    const Model back = apply_transforms(apply_transforms(model, first), inverse(first));
    const Model twice = apply_transforms(apply_transforms(model, first), second), once = apply_transforms(model, compose(second, first));
    for (const std::string& name : model.tensors->names()) {
      CAPTURE(name);
      CHECK(torch::equal(back.tensors->get(name), model.tensors->get(name)));
      CHECK(torch::equal(twice.tensors->get(name), once.tensors->get(name)));
    }
  }
}

TEST_CASE("symmetry: every tensor of the model is moved by some group", "[core][model]") {
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    std::set<std::string> moved;
    for (const SymmetryGroup& group : symmetry_groups(variant.spec()))
      for (const AxisUse& use : group.uses) moved.insert(use.tensor);
    std::vector<std::string> listed(moved.begin(), moved.end());
    CHECK(listed == random_model(variant.spec(), 1).tensors->names());
  }
}

TEST_CASE("symmetry: random elements keep KV groups whole and reach them all", "[core][model]") {
  const auto groups = symmetry_groups(tiny_spec(small()));
  bool within = false, across = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TransformSet set = random_transforms(groups, {"attention_heads"}, true, seed);
    CHECK_NOTHROW(check_transforms(groups, set, "test"));
    const auto& perm = set.at("layer.0.heads").perm();
    within |= perm[0] % 2 == 1;
    across |= perm[0] >= 2;
    CHECK(set.at("layer.0.heads").count_negative() == 0);
  }
  CHECK(within);
  CHECK(across);
  CHECK(random_transforms(groups, {"ffn"}, false, 1).at("layer.1.ffn").count_negative() == 0);
}

TEST_CASE("symmetry: transforms that are no group element are refused by name", "[core][model]") {
  const auto groups = symmetry_groups(tiny_spec(small()));
  const auto check = [&](const std::string& id, Transform transform) { check_transforms(groups, {{id, std::move(transform)}}, "alignment.test"); };
  CHECK_THROWS_WITH(check("layer.0.fnn", Transform::identity(20)), "alignment.test: a transform for the unknown group 'layer.0.fnn'; did you mean 'layer.0.ffn'?");
  CHECK_THROWS_WITH(check("layer.0.ffn", Transform::identity(19)), "alignment.test: group 'layer.0.ffn': the transform has 19 units, the model has 20");
  CHECK_THROWS_WITH(check("residual", Transform::orthogonal(torch::eye(12))),
                    "alignment.test: group 'residual': got a dense matrix; only permutations and signs are exact there");
  CHECK_THROWS_WITH(check("layer.1.heads", alternating_signs(4)),
                    "alignment.test: group 'layer.1.heads': 2 units have sign -1; signs are no symmetry of scope attention_heads");
  CHECK_THROWS_WITH(check("layer.1.heads", Transform::monomial({0, 2, 1, 3})),
                    "alignment.test: group 'layer.1.heads': query heads 0 and 2 go to one KV group but come from two; whole groups of 2 must move together");
  CHECK_THROWS_AS(check("layer.9.ffn", Transform::identity(20)), PluginError);
  CHECK(find_group(groups, "layer.1.heads").size == 4);
}

TEST_CASE("symmetry: a router without a weight over the residual stream is left alone", "[core][model]") {
  TinyOptions options = small();
  options.num_experts = 2;
  const ModelSpec spec = tiny_spec(options);
  const Model model = random_model(spec, 13);
  TensorMap tensors = load_all(*model.tensors);
  std::erase_if(tensors, [](const auto& item) { return item.first.find("router") != std::string::npos; });
  const Model hashed{spec, std::make_shared<MemorySource>(tensors, "hashed"), "hashed"};
  const Model moved = apply_transforms(hashed, random_transforms(symmetry_groups(spec), {"residual"}, true, 13));
  CHECK(moved.tensors->names() == hashed.tensors->names());
  tensors.erase("lm_head.weight");
  const Model broken{spec, std::make_shared<MemorySource>(tensors, "broken"), "broken"};
  CHECK_THROWS_WITH(apply_transforms(broken, random_transforms(symmetry_groups(spec), {"residual"}, true, 13)),
                    Catch::Contains("broken: no tensor 'lm_head.weight'"));
}
