// Units matched with one matrix in memory, against the matching that is given both.
#include <catch2/catch.hpp>

#include "core/model/ffn_matching.hpp"
#include "core/model/symmetry.hpp"
#include "core/model/weight_similarity.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr std::int64_t kUnits = 1100;  // more than are compared at once

ModelSpec wide() { return tiny_spec({.ffn = kUnits}); }

UnitMatch with_both_matrices(const Model& a, const Model& b, bool use_signs) {
  const FfnWeightSimilarity similarity = ffn_weight_similarity(a, b, 0);
  return use_signs ? match_signed_units(similarity.signed_, similarity.fixed) : match_units(similarity.fixed + similarity.signed_);
}

}  // namespace

TEST_CASE("ffn matching: one similarity matrix gives what two give", "[core][model]") {
  const Model a = random_model(wide(), 21), b = random_model(wide(), 22);
  for (const bool use_signs : {false, true}) {
    CAPTURE(use_signs);
    const UnitMatch found = match_ffn_units(a, b, 0, use_signs), expected = with_both_matrices(a, b, use_signs);
    CHECK(found.transform.perm() == expected.transform.perm());
    CHECK(found.transform.sign() == expected.transform.sign());
    CHECK((found.transform.count_negative() > 0) == use_signs);
    CHECK(found.similarity_before == Approx(expected.similarity_before).margin(1e-9));
    CHECK(found.similarity_after == Approx(expected.similarity_after).margin(1e-9));
    CHECK(found.margin == Approx(expected.margin).margin(1e-9));
  }
}

TEST_CASE("ffn matching: finds planted permutations and signs", "[core][model]") {
  const Model a = random_model(wide(), 23);
  const TransformSet planted = random_transforms(symmetry_groups(a.spec), {"ffn"}, true, 24);
  const Model moved = apply_transforms(a, planted);
  const UnitMatch found = match_ffn_units(moved, a, 0, true);
  CHECK(found.transform.perm() == planted.at("layer.0.ffn").perm());
  CHECK(found.transform.sign() == planted.at("layer.0.ffn").sign());
  CHECK(found.similarity_after == Approx(3.0 / kUnits));
}

TEST_CASE("ffn matching: as many layers at once as twice the largest tensor and 256 MiB hold", "[core][model]") {
  ModelSpec spec;
  spec.vocab_size = 151936, spec.hidden_size = 1536, spec.ffn_size = 8960, spec.num_heads = 12, spec.head_dim = 128;  // Qwen2.5-1.5B
  CHECK(layers_at_once(spec) == 4);
  spec.hidden_size = 896, spec.ffn_size = 4864, spec.num_heads = 14, spec.head_dim = 64;  // Qwen2.5-0.5B
  CHECK(layers_at_once(spec) == 8);
  spec.vocab_size = 32000, spec.hidden_size = 4096, spec.ffn_size = 14336, spec.num_heads = 32, spec.head_dim = 128;  // Mistral-7B
  CHECK(layers_at_once(spec) == 1);
}
