// The symmetries of models whose forward pass the independent decoder does not know: heads with norms of their own, shared experts. Judged by the
// decoder itself in float64, which test_families.cpp holds against transformers.
#include <catch2/catch.hpp>

#include "core/model/checkpoint.hpp"
#include "core/model/language_model.hpp"
#include "core/model/symmetry.hpp"
#include "tests/support/golden_checkpoint.hpp"
#include "tests/support/linear_router.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

torch::Tensor logits(const Model& model, const GoldenModel& golden) {
  std::shared_ptr<const Router> router;
  if (model.spec.moe) {
    const ImpliedRouter implied = as_implied(model.spec.moe->router).value();
    router = std::make_shared<LinearRouter>(implied.experts_per_token, implied.renormalised);
  }
  const auto tokens_BT = torch::tensor(golden.prompt, torch::kInt64).unsqueeze(0);
  const torch::NoGradGuard no_grad;
  return LanguageModel(model, router, torch::kCPU, torch::kFloat64).forward(tokens_BT, positions_for(tokens_BT));
}

double change(const Model& before, const Model& after, const GoldenModel& golden) {
  const auto old_BTV = logits(before, golden);
  return ((logits(after, golden) - old_BTV).abs().max() / old_BTV.abs().max()).item<double>();
}

}  // namespace

TEST_CASE("symmetry: normed heads and shared experts keep their logits under every scope", "[core][model]") {
  const TemporaryFolder folder;
  for (const char* name : {"qwen3", "qwen3_moe", "qwen2_moe"}) {
    const GoldenModel golden = golden_model(name);
    write_golden(folder / name, golden);
    const Model model = read_checkpoint(folder / name);
    const auto groups = symmetry_groups(model.spec);
    for (const std::vector<std::string>& scopes :
         std::vector<std::vector<std::string>>{{"ffn"}, {"attention_heads"}, {"gauge"}, {"gains"}, {"residual"}, {"ffn", "attention_heads", "gauge", "gains", "residual"}}) {
      const std::uint64_t seed = 31 + scopes.size();
      CAPTURE(name, scopes, seed);
      CHECK(change(model, apply_transforms(model, random_transforms(groups, scopes, true, seed)), golden) < 4e-6);
    }
    const Model free = untied(model);
    CHECK(change(free, apply_transforms(free, random_rotation_of(free, 33)), golden) < 4e-6);
  }
}

TEST_CASE("symmetry: the residual stream of a model with normed heads has no scale", "[core][model]") {
  const TemporaryFolder folder;
  write_golden(folder / "m", golden_model("qwen3"));
  for (const SymmetryGroup& group : symmetry_groups(read_checkpoint(folder / "m").spec)) CHECK(group.id != "residual.scale");
}

TEST_CASE("symmetry: the shared expert has units of its own width", "[core][model]") {
  const TemporaryFolder folder;
  write_golden(folder / "m", golden_model("qwen2_moe"));
  const auto groups = symmetry_groups(read_checkpoint(folder / "m").spec);
  CHECK(find_group(groups, "layer.1.shared_expert.ffn").size == 28);
  CHECK(find_group(groups, "layer.1.expert.3.ffn").size == 20);
}
