// The check that a transformed model is the same function.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/invariance.hpp"
#include "core/model/language_model.hpp"
#include "core/model/layer_streamed.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

Model with_one_entry_changed(const Model& model, double by) {
  TensorMap tensors = load_all(*model.tensors);
  torch::Tensor& weight = tensors.at("model.layers.1.mlp.down_proj.weight");
  weight = weight.clone();
  weight[0][0] += by;
  return {model.spec, std::make_shared<MemorySource>(tensors, "changed"), "bent"};
}

}  // namespace

TEST_CASE("invariance: symmetries keep logits, loss and the transported residual stream", "[core][model]") {
  for (const bool tied : {false, true}) {
    const Model model = random_model(tiny_spec({.qkv_bias = true, .tied_head = tied}), 1);
    const TransformSet set = random_transforms(symmetry_groups(model.spec), {"ffn", "attention_heads", "residual"}, true, 2);
    const InvarianceReport report = check_invariance(model, apply_transforms(model, set), random_tokens(3, 20, 61, 3), kPermutationTolerance, set);
    CHECK(report.logit_change < 1e-5);
    CHECK(report.loss_change_nats < 1e-5);
    REQUIRE(report.residual_change.size() == 2);
    CHECK(report.residual_change[0] < 1e-5);
    CHECK(report.residual_change[1] < 1e-5);
  }
}

TEST_CASE("invariance: the change is that of the logits of two whole models", "[core][model]") {
  const Model model = random_model(tiny_spec(), 4), bent = with_one_entry_changed(model, 0.5);
  const torch::Tensor tokens_BT = random_tokens(3, 20, 61, 5);
  const InvarianceReport report = check_invariance(model, bent, tokens_BT, INFINITY);
  const torch::NoGradGuard no_grad;
  const LanguageModel before(model, nullptr), after(bent, nullptr);
  const torch::Tensor old_logits = before.forward(tokens_BT, positions_for(tokens_BT)), new_logits = after.forward(tokens_BT, positions_for(tokens_BT));
  CHECK(report.largest_logit == Approx(old_logits.abs().max().item<double>()).epsilon(1e-5));
  CHECK(report.logit_change == Approx((new_logits - old_logits).abs().max().item<double>() / report.largest_logit).epsilon(1e-3));
  const double loss = after.loss(tokens_BT, {}).nats.item<double>() - before.loss(tokens_BT, {}).nats.item<double>();
  CHECK(report.loss_change_nats == Approx(std::abs(loss)).margin(1e-6));
  CHECK(report.residual_change[0] == 0);
  CHECK(report.residual_change[1] > 1e-3);
}

TEST_CASE("invariance: a changed function stops the run and names source, value and tolerance", "[core][model]") {
  const Model model = random_model(tiny_spec(), 6);
  const torch::Tensor tokens_BT = random_tokens(2, 10, 61, 7);
  CHECK_THROWS_WITH(check_invariance(model, with_one_entry_changed(model, 0.5), tokens_BT),
                    Catch::StartsWith("invariance: source 'random6': its transforms change the logits by ") &&
                        Catch::Contains("of the largest logit, expected at most 1e-05"));
  CHECK_THROWS_AS(check_invariance(model, with_one_entry_changed(model, NAN), tokens_BT), NumericError);
}

TEST_CASE("invariance: decoding an aligned model against its cache gives the whole pass, in every family", "[core][model]") {
  struct Kind {
    const char* name;
    bool bias, normed_heads, tied;
    std::int64_t kv_heads;
  };
  for (const Kind& kind : {Kind{"llama", false, false, false, 2}, Kind{"qwen2", true, false, false, 2}, Kind{"qwen2 tied", true, false, true, 2},
                           Kind{"qwen3", false, true, false, 2}, Kind{"qwen3 tied, one KV head", false, true, true, 1}, Kind{"no groups", false, false, false, 4}}) {
    CAPTURE(kind.name);
    ModelSpec spec = tiny_spec({.kv_heads = kind.kv_heads, .qkv_bias = kind.bias, .tied_head = kind.tied});
    spec.qk_norm = kind.normed_heads;
    const Model model = random_model(spec, 8);
    const TransformSet set = random_transforms(symmetry_groups(spec), scope_names(), true, 9);
    const Model moved = apply_transforms(model, set);
    for (const std::int64_t length : {1, 2, 24}) CHECK(decoding_change(moved, random_tokens(2, length, 61, 10)) < 1e-5);
    // The same as a language model that is called token by token.
    const torch::NoGradGuard no_grad;
    const LanguageModel whole(moved, nullptr);
    const torch::Tensor tokens_BT = random_tokens(2, 24, 61, 10), expected = whole.forward(tokens_BT, positions_for(tokens_BT));
    StreamOptions options;
    options.prefill = 3;
    LayerStreamed decoded(moved, tokens_BT, nullptr, options);
    run_all(decoded, nullptr);
    CHECK(((decoded.logits(0) - expected).abs().max() / expected.abs().max()).item<double>() < 1e-5);
  }
}

TEST_CASE("invariance: a decoded pass reads its cache", "[core][model]") {
  const Model model = random_model(tiny_spec(), 11);
  const torch::Tensor tokens_BT = random_tokens(2, 24, 61, 12), other_BT = tokens_BT.clone();
  other_BT.narrow(1, 0, 1).fill_(0);
  const auto logits = [&](const torch::Tensor& tokens) {
    StreamOptions options;
    options.prefill = 8;
    LayerStreamed decoded(model, tokens, nullptr, options);
    run_all(decoded, nullptr);
    return decoded.logits(0);
  };
  const torch::Tensor change = (logits(tokens_BT) - logits(other_BT)).abs().amax(2).amax(0);
  CHECK(change[23].item<double>() > 1e-4);
}
