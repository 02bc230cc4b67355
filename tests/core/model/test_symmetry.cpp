// Every group is a symmetry, judged by an independent float64 decoder (methods-alignment, table of section 1).
#include <set>

#include "core/model/gains.hpp"
#include "core/model/language_model.hpp"
#include "tests/core/model/symmetry_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;
using namespace symphony::testing::symmetry;

namespace {

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

TEST_CASE("symmetry: tensors of a transformed model are the same when they are read by rows", "[core][model]") {
  for (const Variant& variant : variants()) {
    CAPTURE(variant.name);
    const Model model = untied(random_model(variant.spec(), 22));
    const auto groups = symmetry_groups(model.spec);
    TransformSet rotated = random_rotation_of(model, 22);
    rotated.merge(random_transforms(groups, {"attention_heads", "gauge", "ffn", ""}, true, 22));
    std::size_t num_made = 0;
    for (const TransformSet& set : {random_transforms(groups, {"ffn", "attention_heads", "residual"}, true, 22), rotated}) {
      const Model moved = apply_transforms(model, set);
      const bool exact = std::all_of(set.begin(), set.end(), [](const auto& entry) { return entry.second.is_exact(); });
      for (const TensorInfo& info : moved.tensors->infos()) {
        CAPTURE(info.name);
        const TensorRows rows = moved.tensors->by_rows(info.name);
        const torch::Tensor whole = moved.tensors->get(info.name), index = torch::arange(whole.size(0) - 1, -1, -2);
        num_made += rows.in_memory() ? 0 : 1;
        CHECK(rows.shape() == info.shape);
        CHECK(rows.dtype() == info.dtype);
        if (exact) CHECK(torch::equal(rows.gather(index), whole.index_select(0, index)));
        else CHECK(torch::allclose(rows.gather(index), whole.index_select(0, index), 1e-6, 1e-7));
      }
    }
    CHECK(num_made > static_cast<std::size_t>(model.spec.num_layers) * 8);
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
