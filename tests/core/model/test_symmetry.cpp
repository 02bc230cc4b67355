// Every group is a symmetry and every look-alike is not, judged by an independent float64 decoder (methods-alignment, table of section 1).
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/model/gains.hpp"
#include "core/model/language_model.hpp"
#include "core/model/symmetry.hpp"
#include "tests/support/random_transforms.hpp"
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

std::vector<std::string> every_scope() {
  std::vector<std::string> scopes = scope_names();
  scopes.emplace_back();  // the scale of the residual stream, which no config can ask for
  return scopes;
}

/// max over tensors of max|a - b| / max|a|
double largest_difference(const Model& a, const Model& b) {
  double largest = 0;
  for (const std::string& name : a.tensors->names()) {
    const torch::Tensor left = a.tensors->get(name), right = b.tensors->get(name);
    largest = std::max(largest, ((left - right).abs().max() / left.abs().max()).item<double>());
  }
  return largest;
}

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
    for (const std::vector<std::string>& scopes : std::vector<std::vector<std::string>>{{"ffn"}, {"attention_heads"}, {"gauge"}, {"gains"}, {"residual"}, {""}, every_scope()}) {
      const std::uint64_t seed = 17 + scopes.size();
      CAPTURE(scopes, seed);
      const Model model = random_model(variant.spec(), seed);
      const TransformSet set = random_transforms(groups, scopes, true, seed);
      CHECK(set.size() > 0);
      // Signs and gathers are exact in float32, so that only the order of float64 sums remains; the others round every weight once.
      const bool exact = std::all_of(set.begin(), set.end(), [](const auto& entry) { return entry.second.is_exact(); });
      CHECK(logit_change(model, apply_transforms(model, set), seed) < (exact ? 1e-12 : 2e-6));
    }
  }
}

TEST_CASE("symmetry: a rotation between folded gains and other ones keeps the logits, and is refused without folding", "[core][model]") {
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    const Model model = untied(random_model(variant.spec(), 21));
    TransformSet set = random_rotation_of(model, 21);
    CHECK(logit_change(model, apply_transforms(model, set), 21) < 4e-6);
    set.merge(random_transforms(symmetry_groups(model.spec), {"attention_heads", "gauge", "ffn", ""}, true, 21));
    CHECK(logit_change(model, apply_transforms(model, set), 21) < 4e-6);
    set.erase("layer.1.ffn_norm.fold");
    CHECK_THROWS_WITH(apply_transforms(model, set), Catch::Contains("a gain of 'model.layers.1.post_attention_layernorm.weight' differs from 1 by ") &&
                                                        Catch::Contains("(group 'layer.1.ffn_norm.fold')"));
  }
}

TEST_CASE("symmetry: folded gains are one, given gains are the anchor's, the function stays", "[core][model]") {
  const Model source = random_model(tiny_spec(small()), 22), anchor = random_model(tiny_spec(small()), 23);
  const Model folded = apply_transforms(source, fold_gains(source));
  TransformSet both = fold_gains(source);
  both.merge(gains_of(anchor));
  const Model given = apply_transforms(source, both);
  for (const NormPlace& place : norm_places(source.spec)) {
    CHECK(torch::equal(folded.tensors->get(place.gain), torch::ones({12})));
    CHECK(torch::equal(given.tensors->get(place.gain), anchor.tensors->get(place.gain)));
  }
  CHECK(logit_change(source, folded, 22) < 2e-6);
  CHECK(logit_change(source, given, 22) < 2e-6);
}

TEST_CASE("symmetry: an untied model computes what the tied one did, and only it may be rotated", "[core][model]") {
  TinyOptions options = small();
  options.tied_head = true;
  const Model tied = random_model(tiny_spec(options), 24), free = untied(tied);
  CHECK_FALSE(free.spec.tied_head);
  CHECK(torch::equal(free.tensors->get("lm_head.weight"), tied.tensors->get("model.embed_tokens.weight")));
  CHECK(logit_change(tied, free, 24) == 0);
  CHECK_THROWS_WITH(apply_transforms(tied, {{"residual", random_rotation(12, 24)}}),
                    Catch::Contains("group 'residual': got dense matrices on 1 stretches; only permutations and signs are exact there"));
  CHECK_THROWS_WITH(apply_transforms(tied, {{"final_norm", Transform::diagonal(torch::full({12}, 2.0))}}), Catch::Contains("unknown group 'final_norm'"));
}

TEST_CASE("symmetry: decoding token by token from an aligned model gives its full forward pass", "[core][model]") {
  const Model model = random_model(variants()[1].spec(), 25);
  TransformSet set = random_rotation_of(model, 25);
  set.merge(random_transforms(symmetry_groups(model.spec), {"attention_heads", "gauge", "ffn"}, true, 25));
  const LanguageModel moved(apply_transforms(model, set), nullptr);
  const torch::Tensor tokens_BT = torch::tensor(random_tokens(model.spec, 12, 25)).reshape({1, 12});
  const torch::NoGradGuard no_grad;
  const torch::Tensor full = moved.forward(tokens_BT, positions_for(tokens_BT));
  DecodeState state;
  for (std::int64_t position = 0; position < 12; ++position) {
    const torch::Tensor step = moved.forward(tokens_BT.narrow(1, position, 1), torch::tensor({position}).reshape({1, 1}), &state);
    CHECK(((step.select(1, 0) - full.select(1, position)).abs().max() / full.abs().max()).item<double>() < 1e-5);
  }
}

TEST_CASE("symmetry: the residual stream and hidden units move as their groups say", "[core][model]") {
  const Model model = random_model(tiny_spec(small()), 3);
  const TransformSet set = random_transforms(symmetry_groups(model.spec), {"ffn", "attention_heads", "residual"}, true, 3);
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
      CAPTURE(variant.name, group.id);
      TransformSet set = random_transforms({group}, {group.scope}, true, 5);
      if (group.scope == "attention_heads") set = {{group.id, reversed(group.size)}};  // a random element may leave the KV groups in place
      const Model moved = apply_transforms(model, set);
      for (const AxisUse& use : group.uses) {
        if (use.tensor.find("layers.1.") != std::string::npos) continue;
        CAPTURE(use.tensor);
        CHECK(logit_change(model, with_tensor(moved, use.tensor, model.tensors->get(use.tensor)), 5) > 1e-3);
      }
    }
  }
}

TEST_CASE("symmetry: look-alikes that are no symmetries change the logits by more than one percent", "[core][model]") {
  const Model model = random_model(tiny_spec(small()), 7), biased = random_model(variants()[1].spec(), 7);
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
  const auto gauges = [&](const TransformSet& set) { return apply_transforms(biased, set); };
  const TransformSet factors{{"layer.0.qk", random_transforms(symmetry_groups(biased.spec), {"gauge"}, true, 7).at("layer.0.qk")}};
  SECTION("factors of rotary pairs without the biases") {
    Model moved = gauges(factors);
    for (const char* name : {"self_attn.q_proj.bias", "self_attn.k_proj.bias"})
      moved = with_tensor(moved, layer + name, biased.tensors->get(layer + name));
    CHECK(logit_change(biased, moved, 7) > 1e-2);
  }
  SECTION("factors of interleaved pairs on a model with half-split ones") {
    const torch::Tensor order = torch::tensor({0, 2, 4, 1, 3, 5});  // interleaved pair p sits at 2 p and 2 p + 1
    Model moved = biased;
    for (const char* name : {"q_proj", "k_proj"}) {
      const torch::Tensor weight = biased.tensors->get(layer + "self_attn." + name + ".weight");
      const std::int64_t heads = weight.size(0) / 6;
      const torch::Tensor half_split = weight.reshape({heads, 6, -1}).index_select(1, order).reshape(weight.sizes());
      const torch::Tensor turned = factors.at("layer.0.qk").apply(half_split, 0, 1, name[0] == 'q' ? Action::direct : Action::dual, heads / 2);
      moved = with_tensor(moved, layer + "self_attn." + name + ".weight", turned.reshape({heads, 6, -1}).index_select(1, order.argsort()).reshape(weight.sizes()));
    }
    CHECK(logit_change(biased, moved, 7) > 1e-2);
  }
  SECTION("a general change of basis, a reflection, or a factor of one query head alone in Q and K") {
    const std::string query = layer + "self_attn.q_proj.weight", key = layer + "self_attn.k_proj.weight";
    const auto change = [&](const Transform& basis) {
      const torch::Tensor q = basis.apply(model.tensors->get(query), 0, 1, Action::direct, 2), k = basis.apply(model.tensors->get(key), 0, 1, Action::dual);
      return logit_change(model, with_tensor(with_tensor(model, query, q), key, k), 7);
    };
    CHECK(change(random_transforms(symmetry_groups(model.spec), {"gauge"}, true, 7).at("layer.0.vo")) > 1e-2);
    const torch::Tensor mirror = torch::diag(torch::tensor({1.0, 1.0, 1.0, -1.0, 1.0, 1.0})).expand({2, 6, 6});
    CHECK(change(Transform::blocks(mirror)) > 1e-2);
    const torch::Tensor of_group = torch::polar(torch::ones({2, 3}, torch::kFloat64), torch::full({2, 3}, 1.0, torch::kFloat64));
    const torch::Tensor by_head = torch::cat({of_group, of_group.reciprocal()}, 0);
    const torch::Tensor q = Transform::pairs(by_head).apply(model.tensors->get(query), 0), k = Transform::pairs(of_group).apply(model.tensors->get(key), 0, 1, Action::dual);
    CHECK(logit_change(model, with_tensor(with_tensor(model, query, q), key, k), 7) > 1e-2);
  }
  SECTION("a scaled gate row") {
    const std::string gate = layer + "mlp.gate_proj.weight", down = layer + "mlp.down_proj.weight";
    const Model moved = with_tensor(model, gate, model.tensors->get(gate) * 2);
    CHECK(logit_change(model, with_tensor(moved, down, model.tensors->get(down) / 2), 7) > 1e-2);
  }
  SECTION("a gain that one of its readers does not follow") {
    const TransformSet set{{"layer.0.attention_norm", Transform::diagonal(torch::linspace(0.5, 2, 12))}};
    const std::string key = layer + "self_attn.k_proj.weight";
    CHECK(logit_change(model, with_tensor(apply_transforms(model, set), key, model.tensors->get(key)), 7) > 1e-2);
  }
  SECTION("a rotation of the residual stream over gains that are not folded") {
    const TransformSet set{{"residual", random_rotation(12, 7)}};
    TensorMap tensors = load_all(*model.tensors);
    for (const SymmetryGroup& group : symmetry_groups(model.spec))
      if (group.id == "residual")
        for (const AxisUse& use : group.uses)
          if (use.action != Action::relabel) tensors[use.tensor] = set.at("residual").apply(tensors.at(use.tensor), use.axis, 1, use.action);
    CHECK(logit_change(model, {model.spec, std::make_shared<MemorySource>(tensors, "rotated"), "rotated"}, 7) > 1e-2);
  }
  SECTION("a scaled residual stream under the old epsilon") {
    const Model quiet{[&] { ModelSpec spec = model.spec; spec.norm_eps = 0.5; return spec; }(), model.tensors, "quiet"};
    Model moved = apply_transforms(quiet, {{"residual.scale", Transform::diagonal(torch::tensor({3.0}))}});
    CHECK(moved.spec.norm_eps == Approx(4.5));
    CHECK(logit_change(quiet, moved, 7) < 2e-6);
    moved.spec.norm_eps = 0.5;
    CHECK(logit_change(quiet, moved, 7) > 1e-2);
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

TEST_CASE("symmetry: permutations and signs compose and invert bit for bit", "[core][model]") {
  const std::vector<std::string> scopes{"ffn", "attention_heads", "residual"};
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    const Model model = random_model(variant.spec(), 11);
    const auto groups = symmetry_groups(variant.spec());
    const TransformSet first = random_transforms(groups, scopes, true, 11), second = random_transforms(groups, scopes, true, 12);
    const Model back = apply_transforms(apply_transforms(model, first), inverse(model.spec, first));
    const Model twice = apply_transforms(apply_transforms(model, first), second), once = apply_transforms(model, compose(model.spec, second, first));
    for (const std::string& name : model.tensors->names()) {
      CAPTURE(name);
      CHECK(torch::equal(back.tensors->get(name), model.tensors->get(name)));
      CHECK(torch::equal(twice.tensors->get(name), once.tensors->get(name)));
    }
  }
}

TEST_CASE("symmetry: whole elements with gauges, gains and rotations compose and invert to rounding", "[core][model]") {
  for (const Variant& variant : variants()) {
    const Model model = untied(random_model(variant.spec(), 13));
    const auto groups = symmetry_groups(model.spec);
    const TransformSet permuting = random_transforms(groups, every_scope(), true, 13), other = random_transforms(groups, every_scope(), true, 14);
    TransformSet rotating = random_rotation_of(model, 15);
    rotating.merge(random_transforms(groups, {"attention_heads", "gauge", "ffn"}, true, 15));
    const auto agree = [&](const TransformSet& later, const TransformSet& first) {
      CAPTURE(variant.name);
      const Model once = apply_transforms(model, compose(model.spec, later, first)), twice = apply_transforms(apply_transforms(model, first), later);
      CHECK(largest_difference(once, twice) < 1e-5);
      CHECK(largest_difference(model, apply_transforms(apply_transforms(model, first), inverse(model.spec, first))) < 1e-5);
    };
    agree(other, permuting);
    agree(permuting, rotating);
    agree(random_rotation_of(apply_transforms(model, permuting), 16), permuting);
    agree(random_rotation_of(apply_transforms(model, rotating), 17), rotating);
    TransformSet unfolded{{"residual", random_rotation(12, 18)}};
    CHECK_THROWS_WITH(compose(model.spec, unfolded, rotating), Catch::Contains("between two rotations do not cancel"));
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
  CHECK_THROWS_WITH(check("layer.0.ffn", Transform::orthogonal(torch::eye(20))),
                    "alignment.test: group 'layer.0.ffn': got dense matrices on 1 stretches; only permutations and signs and scales are exact there");
  CHECK_THROWS_WITH(check("layer.0.vo", Transform::orthogonal(torch::eye(12))),
                    "alignment.test: group 'layer.0.vo': got dense matrices on 1 stretches; only 2 changes of basis are exact there");
  CHECK_THROWS_WITH(check("layer.0.qk", Transform::identity(12)),
                    "alignment.test: group 'layer.0.qk': got a permutation; only 2 sets of factors of rotary pairs are exact there");
  CHECK_THROWS_WITH(check("final_norm", reversed(12)), "alignment.test: group 'final_norm': 12 units move; permutations are no symmetry of scope gains");
  CHECK_THROWS_WITH(check("residual", Transform::diagonal(torch::full({12}, 2.0))), "alignment.test: group 'residual': scales are no symmetry of scope residual");
  CHECK_THROWS_WITH(check("layer.0.ffn", Transform::diagonal(torch::full({20}, 2e3))),
                    "alignment.test: group 'layer.0.ffn': a unit is scaled by 2e+03, expected between 0.001 and 1000");
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
