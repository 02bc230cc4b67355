// What is no symmetry though it looks like one (the NEG rows of methods-alignment, section 1), and what is none any more when a use is forgotten.
#include "core/model/gains.hpp"
#include "tests/core/model/symmetry_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;
using namespace symphony::testing::symmetry;

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
