// The correctness gate of alignments: random models, known group elements, and what an alignment makes of them.
#pragma once

#include <string>
#include <vector>

#include "core/model/invariance.hpp"
#include "core/model/language_model.hpp"
#include "core/pipeline/alignment_statistics.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/array_recorder.hpp"
#include "tests/support/model_difference.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

namespace symphony::testing {

inline const std::vector<std::vector<std::string>>& scope_choices() {
  static const std::vector<std::vector<std::string>> choices{{"ffn"}, {"attention_heads"}, {"residual"}, {"ffn", "attention_heads", "residual"}};
  return choices;
}

/// Scopes whose elements are no permutations, each with what must be aligned before it can be found.
inline const std::vector<std::vector<std::string>>& continuous_choices() {
  static const std::vector<std::vector<std::string>> choices{
      {"gauge"}, {"gains"}, {"attention_heads", "gauge"}, {"ffn", "gauge"}, {"residual", "gains"}, scope_names()};
  return choices;
}

inline Value scope_value(const std::vector<std::string>& scopes) { return ValueList(scopes.begin(), scopes.end()); }

/// D 32, F 48, 4 query heads in 2 groups, 2 layers; biases so that they must be carried along.
inline ModelSpec planted_spec(bool tied = false) { return tiny_spec({.qkv_bias = true, .tied_head = tied}); }

/// The same with norms over query and key heads, as Qwen3 has them.
inline ModelSpec normed_planted_spec() {
  ModelSpec spec = tiny_spec({});
  spec.qk_norm = true;
  return spec;
}

/// Everything that is a symmetry of an untied model, at once.
inline Model anywhere_on_its_orbit(const Model& model, std::uint64_t seed) {
  TransformSet set = random_rotation_of(model, seed);
  set.merge(random_transforms(symmetry_groups(model.spec), {"attention_heads", "gauge", "ffn"}, true, seed));
  return apply_transforms(model, set);
}

struct Aligned {
  TransformSet set;
  Model model;
  ArrayRecorder records;
};

/// Aligns `source` to `anchor` on 16 sequences of 32 tokens.
inline Aligned align(const Alignment& method, const Model& anchor, const Model& source, std::uint64_t seed = 1) {
  const std::vector<Model> sources{anchor, source};
  const auto groups = symmetry_groups(anchor.spec);
  const StreamedStatistics statistics(sources, 0, method.needs(anchor.spec), random_tokens(16, 32, anchor.spec.vocab_size, 99));
  Aligned result;
  Context context;
  context.seed = seed;
  context.recorder = &result.records;
  auto sets = method.align({sources, 0, groups, statistics}, context);
  REQUIRE(sets.size() == 2);
  REQUIRE(sets[0].empty());
  result.set = std::move(sets[1]);
  result.model = apply_transforms(source, result.set);
  return result;
}

/// Loss in nats of the tensor-wise average.
inline double average_loss(const Model& a, const Model& b) {
  TensorMap tensors;
  for (const std::string& name : a.tensors->names()) tensors[name] = (a.tensors->get(name) + b.tensors->get(name)) / 2;
  const LanguageModel merged({a.spec, std::make_shared<MemorySource>(tensors, "average"), "average"}, nullptr);
  const torch::NoGradGuard no_grad;
  return merged.loss(random_tokens(4, 32, a.spec.vocab_size, 7), {}).nats.item<double>();
}

/// align(A, g.A) undoes g: every tensor of A comes back bit for bit.
inline void check_recovers_planted(const std::string& method_name, bool tied = false) {
  for (const auto& scopes : scope_choices()) {
    const std::uint64_t seed = 31 + scopes.size();
    CAPTURE(scopes, seed);
    const auto method = make_plugin<Alignment>(method_name, ValueMap{{"scope", scope_value(scopes)}});
    const Model anchor = random_model(planted_spec(tied), seed);
    const TransformSet planted = random_transforms(symmetry_groups(anchor.spec), scopes, true, seed);
    const Model scrambled = apply_transforms(anchor, planted);
    REQUIRE(largest_difference(anchor, scrambled) > 0.1);
    const Aligned found = align(*method, anchor, scrambled);
    for (const auto& [id, transform] : compose(anchor.spec, found.set, planted)) {
      CAPTURE(id);
      CHECK(transform.is_identity());
    }
    CHECK(largest_difference(anchor, found.model) == 0);
  }
}

/// The same for gauges and gains: every tensor of A comes back to rounding.
inline void check_recovers_planted_gauges(const std::string& method_name, const ModelSpec& spec = planted_spec()) {
  for (const auto& scopes : continuous_choices()) {
    const std::uint64_t seed = 41 + scopes.size();
    CAPTURE(scopes, seed);
    const auto method = make_plugin<Alignment>(method_name, ValueMap{{"scope", scope_value(scopes)}});
    const Model anchor = random_model(spec, seed);
    const Model scrambled = apply_transforms(anchor, random_transforms(symmetry_groups(anchor.spec), scopes, true, seed));
    REQUIRE(largest_difference(anchor, scrambled) > 0.1);
    CHECK(largest_difference(anchor, align(*method, anchor, scrambled).model) < 1e-5);
  }
}

/// align(A, g.B) = align(A, B): the answer does not depend on the gauge in which B came.
inline void check_orbit_invariant(const std::string& method_name, const std::vector<std::vector<std::string>>& choices = scope_choices()) {
  for (const auto& scopes : choices) {
    const std::uint64_t seed = 57 + scopes.size();
    CAPTURE(scopes, seed);
    const auto method = make_plugin<Alignment>(method_name, ValueMap{{"scope", scope_value(scopes)}});
    const Model anchor = random_model(planted_spec(), seed), source = random_model(planted_spec(), seed + 1000);
    const Model scrambled = apply_transforms(source, random_transforms(symmetry_groups(anchor.spec), scopes, true, seed));
    REQUIRE(largest_difference(source, scrambled) > 0.1);
    const Aligned plain = align(*method, anchor, source), orbit = align(*method, anchor, scrambled);
    CHECK(largest_difference(plain.model, orbit.model) < 1e-4);
    CHECK(average_loss(anchor, orbit.model) == Approx(average_loss(anchor, plain.model)).epsilon(1e-4));
    CHECK_NOTHROW(check_invariance(scrambled, orbit.model, random_tokens(4, 16, 61, 3), &choices == &scope_choices() ? kPermutationTolerance : kRotationTolerance,
                                   orbit.set));
  }
}

}  // namespace symphony::testing
