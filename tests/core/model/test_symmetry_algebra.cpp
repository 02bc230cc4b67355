// Elements of the symmetry group: how they compose and invert, and what is refused as no element.
#include "core/base/error.hpp"
#include "tests/core/model/symmetry_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;
using namespace symphony::testing::symmetry;

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

TEST_CASE("symmetry: a mixing is for FFN units, of a method that declares itself approximate", "[core][model]") {
  const auto groups = symmetry_groups(tiny_spec(small()));
  const auto halves = [](std::int64_t size) { return Transform::mixing(0.5 * (torch::eye(size) + torch::eye(size).flip(0))); };
  CHECK_NOTHROW(check_transforms(groups, {{"layer.0.ffn", halves(20)}}, "alignment.test", true));
  CHECK_THROWS_WITH(check_transforms(groups, {{"layer.0.ffn", halves(20)}}, "alignment.test"),
                    "alignment.test: group 'layer.0.ffn': got a mixing of units, which changes the function; only permutations and signs and scales are exact "
                    "there, and a method that means to change the function must declare itself approximate");
  CHECK_THROWS_WITH(check_transforms(groups, {{"residual", halves(12)}}, "alignment.test", true),
                    Catch::Contains("alignment.test: group 'residual': got a mixing of units, which is for FFN units alone; "));
  CHECK_THROWS_WITH(check_transforms(groups, {{"layer.0.ffn", halves(18)}}, "alignment.test", true), Catch::Contains("the transform has 18 units, the model has 20"));
}

TEST_CASE("symmetry: a mixing acts on gate, up and down of its layer, and changes the logits", "[core][model]") {
  const Model model = random_model(tiny_spec(small()), 31);
  const torch::Tensor shares = 0.5 * (torch::eye(20) - torch::eye(20).flip(0));
  const TransformSet set{{"layer.1.ffn", Transform::mixing(shares)}};
  const Model mixed = apply_transforms(model, set);
  const auto weight = [](const Model& of, const char* name) { return of.tensors->get(std::string("model.layers.1.mlp.") + name + "_proj.weight"); };
  CHECK(torch::allclose(weight(mixed, "up"), shares.mm(weight(model, "up")), 0, 1e-6));
  CHECK(torch::allclose(weight(mixed, "gate"), shares.abs().mm(weight(model, "gate")), 0, 1e-6));
  CHECK(torch::allclose(weight(mixed, "down"), weight(model, "down").mm(shares.t()), 0, 1e-6));
  CHECK(torch::equal(mixed.tensors->get("model.layers.0.mlp.up_proj.weight"), model.tensors->get("model.layers.0.mlp.up_proj.weight")));
  CHECK(logit_change(model, mixed, 31) > 1e-3);
  CHECK_THROWS_WITH(inverse(model.spec, set), "transform: a mixing of 20 units is no group element, it has no inverse");
  CHECK_THROWS_WITH(compose(model.spec, set, set), "transform: a mixing of 20 units is no group element, it cannot be composed");
}
