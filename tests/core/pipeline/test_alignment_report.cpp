// The checks and measurements that follow every alignment.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/pipeline/alignment_report.hpp"
#include "core/tensor/cast_source.hpp"
#include "tests/support/array_recorder.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

const torch::Tensor& windows() {
  static const torch::Tensor tokens_NT = random_tokens(4, 16, 61, 3);
  return tokens_NT;
}

}  // namespace

TEST_CASE("alignment report: symmetries pass every check, and come back by their inverse", "[core][pipeline]") {
  const std::vector<Model> sources{random_model(tiny_spec(), 1), random_model(tiny_spec(), 2)};
  const auto groups = symmetry_groups(sources[0].spec);
  const std::vector<TransformSet> exact{{}, random_transforms(groups, {"ffn", "attention_heads", "residual"}, true, 4)};
  ArrayRecorder recorded;
  check_and_record_invariance({sources, exact, 0}, windows(), {}, 1, recorded);
  CHECK(recorded.arrays.at("invariance/logit_change")[1] < 1e-5f);
  CHECK(recorded.arrays.at("invariance/logit_change_random")[1] < 1e-5f);
  CHECK(recorded.arrays.at("invariance/round_trip") == std::vector<float>{0, 0});
  CHECK(recorded.arrays.at("invariance/residual_change").size() == 4);
  // Rounding to bfloat16 commutes with permutations and signs.
  CHECK(recorded.arrays.at("invariance/bfloat16")[1] == Approx(recorded.arrays.at("invariance/bfloat16_unaligned")[1]).epsilon(1e-2));
  const std::vector<TransformSet> rotated{{}, random_rotation_of(sources[1], 5)};
  ArrayRecorder of_rotation;
  check_and_record_invariance({sources, rotated, 0}, windows(), {}, 1, of_rotation);
  CHECK(of_rotation.arrays.at("invariance/round_trip")[1] > 0);
  CHECK(of_rotation.arrays.at("invariance/round_trip")[1] < 1e-5f);
}

TEST_CASE("alignment report: checkpoints in bfloat16 pass with gains, gauges and rotations", "[core][pipeline]") {
  std::vector<Model> sources{random_model(tiny_spec(), 17), random_model(tiny_spec(), 18)};
  for (Model& source : sources) source.tensors = std::make_shared<CastSource>(source.tensors, torch::kBFloat16);
  const auto groups = symmetry_groups(sources[0].spec);
  for (const TransformSet& set : {random_transforms(groups, {"gauge", "gains", "ffn", "residual"}, true, 19), random_rotation_of(sources[1], 20)}) {
    const std::vector<TransformSet> sets{{}, set};
    ArrayRecorder recorded;
    check_and_record_invariance({sources, sets, 0}, windows(), {}, 1, recorded);
    CHECK(recorded.arrays.at("invariance/logit_change")[1] < 1e-5f);
    CHECK(recorded.arrays.at("invariance/round_trip")[1] < 1e-5f);
    // What is rounded to bfloat16 again is another model; the report says by how much.
    CHECK(recorded.arrays.at("invariance/bfloat16")[1] > 1e-4f);
  }
  const TransformSet exact = random_transforms(groups, {"ffn"}, true, 21);
  for (const TensorInfo& info : apply_transforms(sources[1], exact).tensors->infos()) CHECK(info.dtype == torch::kBFloat16);
}

TEST_CASE("alignment report: a tolerance that rotations miss stops the run, unless the method is approximate", "[core][pipeline]") {
  const std::vector<Model> sources{random_model(tiny_spec(), 1), random_model(tiny_spec(), 2)};
  const std::vector<TransformSet> rotated{{}, random_rotation_of(sources[1], 5)};
  ArrayRecorder recorded;
  CHECK_THROWS_WITH(check_and_record_invariance({sources, rotated, 0}, windows(), {1e-12, false}, 1, recorded),
                    Catch::Contains("invariance: source 'random2': its transforms change the logits by"));
  CHECK_NOTHROW(check_and_record_invariance({sources, rotated, 0}, windows(), {1e-12, true}, 1, recorded));
}

TEST_CASE("alignment report: undoing a planted element brings units, stream and weights back to the anchor's", "[core][pipeline]") {
  const Model anchor = random_model(tiny_spec(), 6);
  const TransformSet planted = random_transforms(symmetry_groups(anchor.spec), {"ffn", "residual"}, true, 7);
  const std::vector<Model> sources{anchor, apply_transforms(anchor, planted)};
  const std::vector<TransformSet> sets{{}, inverse(anchor.spec, planted)};
  ArrayRecorder recorded;
  record_similarity({sources, sets, 0}, windows(), recorded);
  const auto pair_of = [&](const char* name, std::size_t entry) {
    const auto& values = recorded.arrays.at(name);
    return std::pair(values[2 * entry], values[2 * entry + 1]);
  };
  for (const std::size_t entry : {2u, 3u}) {  // source 1, layers 0 and 1
    CHECK(pair_of("alignment/similarity/matched_ffn", entry).first < 0.5f);
    CHECK(pair_of("alignment/similarity/matched_ffn", entry).second == Approx(1).margin(1e-4));
    CHECK(pair_of("alignment/similarity/residual_cosine", entry).first < 0.5f);
    CHECK(pair_of("alignment/similarity/residual_cosine", entry).second == Approx(1).margin(1e-4));
    CHECK(pair_of("alignment/similarity/ffn_cka", entry).first == Approx(pair_of("alignment/similarity/ffn_cka", entry).second).margin(1e-4));
    CHECK(pair_of("alignment/similarity/residual_cka", entry).first == Approx(1).margin(1e-4));
  }
  for (std::size_t part = 0; part < 4; ++part) {  // embedding, two layers, head
    CHECK(pair_of("alignment/weight_distance", 4 + part).first > 0.5f);
    CHECK(pair_of("alignment/weight_distance", 4 + part).second == 0);
  }
}

TEST_CASE("alignment report: a source that stays as it is changes nothing, but its numbers are looked at", "[core][pipeline]") {
  const Model anchor = random_model(tiny_spec(), 8);
  TransformSet identity;
  for (const SymmetryGroup& group : symmetry_groups(anchor.spec))
    if (group.id.ends_with(".ffn")) identity.emplace(group.id, Transform::identity(group.size));
  ArrayRecorder recorded;
  const std::vector<Model> sources{anchor, random_model(tiny_spec(), 9)};
  const std::vector<TransformSet> sets{{}, identity};
  check_and_record_invariance({sources, sets, 0}, windows(), {}, 1, recorded);
  for (const char* name : {"invariance/logit_change", "invariance/logit_change_random", "invariance/loss_change", "invariance/round_trip"})
    CHECK(recorded.arrays.at(name) == std::vector<float>{0, 0});
  CHECK(recorded.arrays.at("invariance/bfloat16")[1] > 0);
  CHECK(recorded.arrays.at("invariance/bfloat16") == recorded.arrays.at("invariance/bfloat16_unaligned"));
  record_similarity({sources, sets, 0}, windows(), recorded);
  for (const char* name : {"alignment/similarity/matched_ffn", "alignment/similarity/residual_cosine", "alignment/weight_distance"}) {
    const auto& values = recorded.arrays.at(name);
    for (std::size_t pair = 0; pair < values.size(); pair += 2) CHECK(values[pair] == values[pair + 1]);
  }
  TensorMap broken = load_all(*anchor.tensors);
  broken.at("model.layers.1.mlp.up_proj.weight") = broken.at("model.layers.1.mlp.up_proj.weight").clone().index_put_({0, 0}, std::nanf(""));
  const std::vector<Model> with_nan{{anchor.spec, std::make_shared<MemorySource>(broken, "broken"), "broken"}};
  const std::vector<TransformSet> unmoved(1);
  CHECK_THROWS_WITH(check_and_record_invariance({with_nan, unmoved, 0}, windows(), {}, 1, recorded),
                    "invariance: source 'broken': tensor 'model.layers.1.mlp.up_proj.weight' holds a NaN or an infinity, expected finite numbers");
}

TEST_CASE("alignment report: a mixing of units is measured, has no way back, and is said to be approximate", "[core][pipeline]") {
  const std::vector<Model> sources{random_model(tiny_spec(), 15), random_model(tiny_spec(), 16)};
  const std::vector<TransformSet> sets{{}, {{"layer.0.ffn", Transform::mixing(0.5 * (torch::eye(48) + torch::eye(48).flip(0)))}}};
  ArrayRecorder recorded;
  check_and_record_invariance({sources, sets, 0}, windows(), {1e-5, true}, 1, recorded);
  const float change = recorded.arrays.at("invariance/logit_change")[1], loss = recorded.arrays.at("invariance/loss_change")[1];
  CHECK(change > 1e-3f);
  CHECK(recorded.arrays.at("invariance/round_trip")[0] == 0);
  CHECK(std::isnan(recorded.arrays.at("invariance/round_trip")[1]));
  CHECK(recorded.notes.at("approximate") == fmt::format("random16: logits by {:.3g} of the largest, loss by {:.3g} nats a token", change, loss));
  record_similarity({sources, sets, 0}, windows(), recorded);
  CHECK(recorded.arrays.at("alignment/weight_distance").size() == 16);
  ArrayRecorder of_exact;
  const std::vector<TransformSet> unmoved(2);
  check_and_record_invariance({sources, unmoved, 0}, windows(), {}, 1, of_exact);
  CHECK(of_exact.notes.empty());
  TensorMap broken = load_all(*sources[1].tensors);
  broken.at("model.embed_tokens.weight") = broken.at("model.embed_tokens.weight").clone().index_put_({60, 0}, std::nanf(""));
  const std::vector<Model> with_nan{sources[0], {sources[1].spec, std::make_shared<MemorySource>(broken, "broken"), "broken"}};
  CHECK_THROWS_WITH(check_and_record_invariance({with_nan, sets, 0}, torch::zeros({1, 8}, torch::kInt64), {1e-5, true}, 1, recorded),
                    Catch::Contains("source 'broken': ") && Catch::Contains("NaN"));
}

TEST_CASE("alignment report: a NaN that no token reads is found in a source that moves", "[core][pipeline]") {
  const ModelSpec spec = tiny_spec({.vocab = 4096});
  TensorMap broken = load_all(*random_model(spec, 13).tensors);
  broken.at("model.embed_tokens.weight") = broken.at("model.embed_tokens.weight").clone().index_put_({4000, 0}, std::nanf(""));
  const std::vector<Model> sources{random_model(spec, 12), {spec, std::make_shared<MemorySource>(broken, "broken"), "broken"}};
  const std::vector<TransformSet> sets{{}, random_transforms(symmetry_groups(spec), {"ffn"}, true, 14)};
  ArrayRecorder recorded;
  CHECK_THROWS_WITH(check_and_record_invariance({sources, sets, 0}, windows(), {}, 1, recorded),
                    Catch::Contains("invariance: source 'broken': its transforms and their inverse change a weight by ") && Catch::Contains("nan"));
}
