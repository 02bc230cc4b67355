// Weight matching: planted elements, orbits, the rising objective.
#include <algorithm>
#include <numeric>

#include <ATen/Parallel.h>

#include "tests/plugins/alignment/planted.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

Value everything() { return ValueMap{{"scope", scope_value(scope_choices().back())}}; }

}  // namespace

TEST_CASE("weight_matching: two swapped and signed units are put back", "[plugin][alignment.weight_matching][known-value]") {
  const Model anchor = random_model(planted_spec(), 1);
  std::vector<std::int64_t> perm(48);
  std::vector<std::int8_t> sign(48, 1);
  for (std::int64_t unit = 0; unit < 48; ++unit) perm[static_cast<std::size_t>(unit)] = unit;
  std::swap(perm[3], perm[40]);
  sign[3] = sign[7] = -1;
  const TransformSet planted{{"layer.1.ffn", Transform::monomial(perm, sign)}};
  const Aligned found = align(*make_plugin<Alignment>("weight_matching"), anchor, apply_transforms(anchor, planted));
  // The inverse: unit 40 of the source goes back to slot 3 with its sign, which sat at slot 3 of the source.
  CHECK(found.set.at("layer.1.ffn").perm() == perm);
  CHECK(found.set.at("layer.1.ffn").sign()[40] == -1);
  CHECK(found.set.at("layer.1.ffn").sign()[7] == -1);
  CHECK(found.set.at("layer.1.ffn").count_negative() == 2);
  CHECK(found.set.at("layer.0.ffn").is_identity());
}

TEST_CASE("weight_matching: without signs units are permuted and a turned one stays turned", "[plugin][alignment.weight_matching][known-value]") {
  TensorMap tensors = load_all(*random_model(planted_spec(), 1).tensors);
  // A gate that is large enough to say alone where unit 7 belongs: up and down say the opposite of it.
  torch::Tensor& gate_FD = tensors.at("model.layers.1.mlp.gate_proj.weight");
  gate_FD = gate_FD.clone();
  gate_FD[7].mul_(4);
  const Model anchor{planted_spec(), std::make_shared<MemorySource>(tensors, "anchor"), "anchor"};
  std::vector<std::int64_t> perm(48);
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[3], perm[40]);
  std::vector<std::int8_t> sign(48, 1);
  sign[7] = -1;
  const TransformSet planted{{"layer.1.ffn", Transform::monomial(perm, sign)}};
  const Model turned = apply_transforms(anchor, planted);
  CHECK(align(*make_plugin<Alignment>("weight_matching"), anchor, turned).set.at("layer.1.ffn").sign()[7] == -1);
  const Aligned found = align(*make_plugin<Alignment>("weight_matching", ValueMap{{"signed", false}}), anchor, turned);
  CHECK(found.set.at("layer.1.ffn").perm() == perm);
  CHECK(found.set.at("layer.1.ffn").count_negative() == 0);
  const torch::Tensor expected_FD = anchor.tensors->get("model.layers.1.mlp.up_proj.weight").clone();
  expected_FD[7].mul_(-1);
  CHECK(torch::equal(found.model.tensors->get("model.layers.1.mlp.up_proj.weight"), expected_FD));
}

TEST_CASE("weight_matching: without signs none is turned in any scope", "[plugin][alignment.weight_matching][invariant]") {
  const Model anchor = random_model(planted_spec(), 14);
  const Model scrambled = apply_transforms(anchor, random_transforms(symmetry_groups(anchor.spec), scope_choices().back(), true, 14));
  const Value unsigned_ = ValueMap{{"scope", scope_value(scope_choices().back())}, {"signed", false}};
  const Aligned found = align(*make_plugin<Alignment>("weight_matching", unsigned_), anchor, scrambled);
  REQUIRE(found.set.contains("residual"));
  for (const auto& [id, transform] : found.set) {
    CAPTURE(id);
    CHECK(transform.count_negative() == 0);
  }
  CHECK(largest_difference(anchor, found.model) > 0.5);
}

TEST_CASE("weight_matching: recovers a planted element of every scope exactly", "[plugin][alignment.weight_matching][invariant]") {
  check_recovers_planted("weight_matching");
  check_recovers_planted("weight_matching", true);
}

TEST_CASE("weight_matching: recovers planted gauges and gains to rounding", "[plugin][alignment.weight_matching][invariant]") {
  check_recovers_planted_gauges("weight_matching");
  check_recovers_planted_gauges("weight_matching", normed_planted_spec());
}

TEST_CASE("weight_matching: the gauge in which a source comes does not matter", "[plugin][alignment.weight_matching][invariant]") {
  check_orbit_invariant("weight_matching");
  check_orbit_invariant("weight_matching", continuous_choices());
}

TEST_CASE("weight_matching: the recorded objective never falls", "[plugin][alignment.weight_matching][invariant]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const Aligned found = align(*make_plugin<Alignment>("weight_matching", everything()), random_model(planted_spec(), seed),
                                random_model(planted_spec(), seed + 100), seed);
    const auto& values = found.records.arrays.at("alignment/objective");
    const std::vector<float> series(values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    REQUIRE(series.size() >= 2);
    for (std::size_t sweep = 1; sweep < series.size(); ++sweep) CHECK(series[sweep] >= series[sweep - 1] - 1e-6f);
    CHECK(series.back() > series.front());
  }
}

TEST_CASE("weight_matching: below the tolerance no step is taken after a group's first", "[plugin][alignment.weight_matching][invariant]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const auto objectives = [&](const Value& params) {
      const Aligned found = align(*make_plugin<Alignment>("weight_matching", params), random_model(planted_spec(), seed), random_model(planted_spec(), seed + 100), seed);
      const auto& values = found.records.arrays.at("alignment/objective");
      return std::vector<float>(values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    };
    const std::vector<float> fine = objectives(everything());
    // The objective would have to double.
    const std::vector<float> coarse = objectives(ValueMap{{"scope", scope_value(scope_choices().back())}, {"tolerance", 1}});
    REQUIRE(coarse.size() == 2);  // before any step, and after the first at every group
    REQUIRE(fine.size() > 2);
    CHECK(std::equal(coarse.begin(), coarse.end(), fine.begin()));
    CHECK(fine.back() > coarse.back() + 0.01f);
  }
}

TEST_CASE("weight_matching: two threads find bit for bit what one finds", "[plugin][alignment.weight_matching][invariant]") {
  // Tensors beyond the size from which LibTorch's own operations divide their work.
  const ModelSpec spec = tiny_spec({.layers = 3, .hidden = 64, .head_dim = 16, .ffn = 600, .qkv_bias = true});
  const Model anchor = random_model(spec, 12), source = random_model(spec, 13);
  const auto method = make_plugin<Alignment>("weight_matching", everything());
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Aligned one = align(*method, anchor, source);
  at::set_num_threads(2);
  const Aligned two = align(*method, anchor, source);
  at::set_num_threads(threads);
  CHECK(largest_difference(one.model, two.model) == 0);
  REQUIRE(one.records.arrays.size() == two.records.arrays.size());
  for (const auto& [name, values] : one.records.arrays) {
    CAPTURE(name);
    const auto& other = two.records.arrays.at(name);
    REQUIRE(values.size() == other.size());
    for (std::size_t entry = 0; entry < values.size(); ++entry) CHECK((values[entry] == other[entry] || (std::isnan(values[entry]) && std::isnan(other[entry]))));
  }
}

TEST_CASE("weight_matching: aligning a second time moves nothing", "[plugin][alignment.weight_matching][invariant]") {
  const Model anchor = random_model(planted_spec(), 8);
  const auto method = make_plugin<Alignment>("weight_matching", everything());
  const Aligned first = align(*method, anchor, random_model(planted_spec(), 9)), second = align(*method, anchor, first.model);
  CHECK(largest_difference(first.model, second.model) == 0);
}

TEST_CASE("weight_matching: noise of a fifth of every weight does not hide a planted element", "[plugin][alignment.weight_matching][invariant]") {
  const Model anchor = random_model(planted_spec(), 10), noise = random_model(planted_spec(), 11);
  TensorMap tensors = load_all(*anchor.tensors);
  for (auto& [name, tensor] : tensors)
    if (tensor.dim() == 2) tensor = tensor + 0.2 * noise.tensors->get(name);
  const TransformSet planted = random_transforms(symmetry_groups(anchor.spec), scope_choices().back(), true, 10);
  const Model noisy = apply_transforms({anchor.spec, std::make_shared<MemorySource>(tensors, "noisy"), "noisy"}, planted);
  for (const auto& [id, transform] : compose(anchor.spec, align(*make_plugin<Alignment>("weight_matching", everything()), anchor, noisy).set, planted)) {
    CAPTURE(id);
    CHECK(transform.is_identity());
  }
}

TEST_CASE("weight_matching: unknown scopes and no sweeps are refused", "[plugin][alignment.weight_matching][wrong-input]") {
  CHECK_THAT(refusal_of("alignment", "weight_matching", ValueMap{{"scope", "residuals"}}), Catch::Contains("expected one of: ffn, attention_heads, gauge, gains, residual"));
  CHECK_THAT(refusal_of("alignment", "weight_matching", ValueMap{{"max_sweeps", 0}}), Catch::Contains("alignment.weight_matching: max_sweeps"));
}

TEST_CASE("weight_matching: keeps the plugin contract", "[plugin][alignment.weight_matching][contract]") {
  check_contract("alignment", "weight_matching");
}
