// fusion.task_arithmetic.
#include "tests/plugins/fusion/fusion_properties.hpp"
#include "tests/plugins/plugin_fixture.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("task_arithmetic: adds scaled task vectors to the base", "[plugin][fusion.task_arithmetic][known-value]") {
  const auto method = make_plugin<Fusion>("task_arithmetic", ValueMap{{"lambda", 0.5}, {"weights", ValueList{1, -2}}});
  const torch::Tensor base = torch::tensor({1.0f, 1.0f});
  // Task vectors (2, 0) and (0, 4): base + 0.5 (2, -8).
  CHECK(torch::equal(fuse(*method, {torch::tensor({3.0f, 1.0f}), torch::tensor({1.0f, 5.0f})}, base), torch::tensor({2.0f, -3.0f})));
}

TEST_CASE("task_arithmetic: at lambda 1/N it is the average", "[plugin][fusion.task_arithmetic][known-value]") {
  const std::vector<torch::Tensor> sources = random_sources(4, 1);
  const torch::Tensor base = random_tensor({7, 5}, 1, "base"), expected = fuse(*make_plugin<Fusion>("average"), sources);
  CHECK(relative_difference(fuse(*make_plugin<Fusion>("task_arithmetic", ValueMap{{"lambda", 0.25}}), sources, base), expected) < 1e-7);
  CHECK(relative_difference(fuse(*make_plugin<Fusion>("task_arithmetic", ValueMap{{"lambda", 1}, {"normalise", true}}), sources, base), expected) < 1e-7);
}

TEST_CASE("task_arithmetic: rows that a source lacks are the base's", "[plugin][fusion.task_arithmetic][known-value]") {
  const auto mask = [](std::vector<std::int64_t> rows) { return torch::tensor(rows, torch::kInt64).to(torch::kBool); };
  std::vector<torch::Tensor> sources{torch::tensor({{2.0f}, {std::nanf("")}}), torch::tensor({{4.0f}, {6.0f}})};
  const torch::Tensor fused = fuse(*make_plugin<Fusion>("task_arithmetic", ValueMap{{"lambda", 0.5}}), sources, torch::tensor({{1.0f}, {2.0f}}), {mask({1, 0}), mask({1, 1})});
  CHECK(torch::equal(fused, torch::tensor({{3.0f}, {4.0f}})));
}

TEST_CASE("task_arithmetic: rows that the base lacks are the mean over the sources that hold them", "[plugin][fusion.task_arithmetic][known-value]") {
  const auto mask = [](std::vector<std::int64_t> rows) { return torch::tensor(rows, torch::kInt64).to(torch::kBool); };
  const std::vector<torch::Tensor> sources{torch::tensor({{2.0f}, {8.0f}, {std::nanf("")}}), torch::tensor({{4.0f}, {6.0f}, {9.0f}})};
  const torch::Tensor base = torch::tensor({{1.0f}, {100.0f}, {200.0f}});  // its last two rows are made of pieces, no ancestor of anything
  const auto method = make_plugin<Fusion>("task_arithmetic", ValueMap{{"lambda", 0.5}});
  CHECK(torch::equal(fuse(*method, sources, base, {mask({1, 1, 0}), mask({1, 1, 1})}, 0, mask({1, 0, 0})), torch::tensor({{3.0f}, {7.0f}, {9.0f}})));
}

TEST_CASE("task_arithmetic: no task vectors, no change; lambda 0 is the base", "[plugin][fusion.task_arithmetic][invariant]") {
  const torch::Tensor base = random_tensor({7, 5}, 2, "base");
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("task_arithmetic"), {base, base, base}, base), base));
  CHECK(torch::equal(fuse(*make_plugin<Fusion>("task_arithmetic", ValueMap{{"lambda", 0}}), random_sources(3, 2), base), base));
}

TEST_CASE("task_arithmetic: copies at lambda 1/N give the source, and it is linear in the weights", "[plugin][fusion.task_arithmetic][invariant]") {
  const torch::Tensor base = random_tensor({7, 5}, 3, "base");
  check_copies_give_the_source(*make_plugin<Fusion>("task_arithmetic", ValueMap{{"lambda", 1}, {"normalise", true}}), base);
  const std::vector<torch::Tensor> sources = random_sources(2, 3);
  const auto at = [&](double first, double second) {
    return fuse(*make_plugin<Fusion>("task_arithmetic", ValueMap{{"weights", ValueList{first, second}}}), sources, base);
  };
  CHECK(relative_difference(at(2, 3) - base, 2 * (at(1, 0) - base) + 3 * (at(0, 1) - base)) < 1e-5);
}

TEST_CASE("task_arithmetic: stored types, odd tensors, order and rotations", "[plugin][fusion.task_arithmetic][invariant]") {
  const torch::Tensor base = random_tensor({7, 5}, 4, "base");
  for (const bool normalise : {false, true}) {
    CAPTURE(normalise);
    const auto method = make_plugin<Fusion>("task_arithmetic", ValueMap{{"normalise", normalise}});
    check_stored_types(*method, base);
    check_odd_tensors(*method);
    check_order_does_not_matter(*method, base);
    check_rotation_equivariant(*method, 4, base);
  }
}

TEST_CASE("task_arithmetic: reordering the rows of sources and base reorders those of the result", "[plugin][fusion.task_arithmetic][invariant]") {
  const auto method = make_plugin<Fusion>("task_arithmetic", ValueMap{{"weights", ValueList{1, -2, 3}}});
  const torch::Tensor base = random_tensor({7, 5}, 5, "base"), order = torch::tensor({3, 0, 6, 1, 5, 2, 4}, torch::kInt64);
  const std::vector<torch::Tensor> sources = random_sources(3, 5);
  std::vector<torch::Tensor> reordered;
  for (const torch::Tensor& source : sources) reordered.push_back(source.index_select(0, order));
  CHECK(torch::equal(fuse(*method, reordered, base.index_select(0, order)), fuse(*method, sources, base).index_select(0, order)));
}

TEST_CASE("task_arithmetic: refuses a missing or broken base and weights that cancel", "[plugin][fusion.task_arithmetic][wrong-input]") {
  const auto method = make_plugin<Fusion>("task_arithmetic");
  CHECK_THROWS_WITH(fuse(*method, random_sources(2, 1)), Catch::Contains("fusion.task_arithmetic: tensor 'model.layers.0.self_attn.q_proj.weight': the base is missing"));
  CHECK_THROWS_WITH(fuse(*method, random_sources(2, 1), torch::ones({3})), Catch::Contains("the base has shape [3], expected shape [7, 5]"));
  const auto cancelling = make_plugin<Fusion>("task_arithmetic", ValueMap{{"weights", ValueList{1, -1}}, {"normalise", true}});
  CHECK_THROWS_WITH(fuse(*cancelling, random_sources(2, 1), torch::ones({7, 5})), Catch::Contains("the weights sum to 0"));
  torch::Tensor broken = torch::ones({7, 5});
  broken[2][1] = std::nanf("");
  CHECK_THROWS_WITH(fuse(*method, random_sources(2, 1), broken), Catch::Contains("tensor 'model.layers.0.self_attn.q_proj.weight': the base holds a NaN or an infinity"));
  CHECK_THROWS_AS(fuse(*method, random_sources(2, 1), broken), DataError);
  check_bad_sources_are_refused(*method, torch::ones({7, 5}));
}

TEST_CASE("task_arithmetic: needs the base", "[plugin][fusion.task_arithmetic][contract]") {
  check_contract("fusion", "task_arithmetic");
  CHECK(make_plugin<Fusion>("task_arithmetic")->needs().base);
  CHECK_FALSE(make_plugin<Fusion>("average")->needs().base);
}
