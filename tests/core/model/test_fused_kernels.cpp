// Every fused kernel against the plain composition beside it: values and gradients. The plain side runs in float64, so that a difference is
// the kernel's own.
#include <catch2/catch.hpp>

#include <functional>
#include <limits>

#include <torch/csrc/autograd/autograd.h>

#include "core/base/random.hpp"
#include "core/model/cross_entropy.hpp"
#include "core/model/projection.hpp"
#include "core/model/rms_norm.hpp"
#include "core/model/rotary_attention.hpp"
#include "core/model/row_exchange.hpp"
#include "core/model/swiglu.hpp"
#include "tests/support/random_tokens.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

using Tensors = std::vector<torch::Tensor>;

torch::Tensor random_normal(std::vector<std::int64_t> shape, std::uint64_t seed, const std::string& name, double scale = 1.0) {
  auto result = torch::empty(shape);
  Random(seed, name).fill_normal({result.data_ptr<float>(), static_cast<std::size_t>(result.numel())}, 0.0, scale);
  return result;
}

double relative_difference(const torch::Tensor& got, const torch::Tensor& expected) {
  return ((got.to(torch::kFloat64) - expected).abs().max() / expected.abs().max().clamp_min(1e-3)).item<double>();
}

/// Runs both on the same inputs, pulls a random upstream gradient through both, and compares everything.
void compare(const Tensors& inputs, const std::function<torch::Tensor(const Tensors&)>& fused, const std::function<torch::Tensor(const Tensors&)>& plain) {
  constexpr double kTolerance = 1e-5;
  Tensors narrow, wide;
  for (const auto& input : inputs) {
    narrow.push_back(input.clone().set_requires_grad(true));
    wide.push_back(input.to(torch::kFloat64).set_requires_grad(true));
  }
  const auto got = fused(narrow), expected = plain(wide);
  REQUIRE(got.sizes() == expected.sizes());
  CHECK(got.scalar_type() == torch::kFloat32);
  CHECK(relative_difference(got, expected) < kTolerance);
  const auto upstream = got.dim() == 0 ? torch::tensor(1.7f) : random_normal(got.sizes().vec(), 99, "upstream");
  const auto got_gradients = torch::autograd::grad({got}, narrow, {upstream}, true);
  const auto expected_gradients = torch::autograd::grad({expected}, wide, {upstream.to(torch::kFloat64)});
  for (std::size_t input = 0; input < inputs.size(); ++input) {
    CAPTURE(input);
    CHECK(relative_difference(got_gradients[input], expected_gradients[input]) < kTolerance);
    // Alone, with every other gradient switched off, it is the same: skipping work must not change what is left.
    const auto alone = torch::autograd::grad({got}, {narrow[input]}, {upstream}, true)[0];
    CHECK(alone.equal(got_gradients[input]));
  }
}

}  // namespace

TEST_CASE("fused kernels: RMSNorm", "[core][model]") {
  const std::int64_t width = GENERATE(2, 7, 16, 96, 100);
  CAPTURE(width);
  compare({random_normal({9, width}, 1, "x", 3.0), random_normal({width}, 1, "gain")}, [](const Tensors& t) { return rms_norm(t[0], t[1], 1e-3); },
          [](const Tensors& t) { return rms_norm_plain(t[0], t[1], 1e-3); });
}

TEST_CASE("fused kernels: SwiGLU, also far out on both sides", "[core][model]") {
  const double scale = GENERATE(1.0, 40.0);
  compare({random_normal({5, 2 * 37}, 2, "x", scale)}, [](const Tensors& t) { return swiglu(t[0]); }, [](const Tensors& t) { return swiglu_plain(t[0]); });
}

TEST_CASE("fused kernels: projections side by side, with and without biases", "[core][model]") {
  const auto input = random_normal({11, 24}, 3, "x");
  const auto first = random_normal({8, 24}, 3, "w0"), second = random_normal({24, 24}, 3, "w1");
  compare({input, first, second}, [](const Tensors& t) { return project(t[0], {t[1], t[2]}); }, [](const Tensors& t) { return project_plain(t[0], {t[1], t[2]}); });
  compare({input, first, second, random_normal({8}, 3, "b0"), random_normal({24}, 3, "b1")},
          [](const Tensors& t) { return project(t[0], {t[1], t[2]}, {t[3], t[4]}); },
          [](const Tensors& t) { return project_plain(t[0], {t[1], t[2]}, {t[3], t[4]}); });
}

TEST_CASE("fused kernels: rotary attention for odd lengths, head widths and groups", "[core][model]") {
  struct Case { AttentionShape shape; double scale; };
  const auto [shape, scale] = GENERATE(Case{{2, 1, 2, 2, 8}, 1.0}, Case{{2, 16, 4, 2, 24}, 1.0}, Case{{1, 37, 4, 1, 6}, 1.0}, Case{{2, 130, 2, 2, 32}, 3.0},
                                       Case{{1, 50, 6, 3, 64}, 1.0});
  CAPTURE(shape.length, shape.heads, shape.kv_heads, shape.head_dim);
  const auto tokens = shape.batch * shape.length;
  const auto positions = torch::arange(shape.length, torch::kInt64).repeat({shape.batch}) + 3;
  const auto narrow = rope_table(positions, shape.head_dim, 1e4, torch::kFloat32), wide = rope_table(positions, shape.head_dim, 1e4, torch::kFloat64);
  compare({random_normal({tokens, (shape.heads + 2 * shape.kv_heads) * shape.head_dim}, 4, "qkv", scale)},
          [&, s = shape](const Tensors& t) { return rotary_attention(t[0], s, narrow); },
          [&, s = shape](const Tensors& t) { return rotary_attention_plain(t[0], s, wide); });
}

TEST_CASE("fused kernels: cross-entropy, also with large logits", "[core][model]") {
  const double scale = GENERATE(1.0, 60.0);
  const auto targets_N = random_tokens(1, 13, 259, 5).view(-1);
  compare({random_normal({13, 259}, 5, "logits", scale)}, [&](const Tensors& t) { return cross_entropy(t[0], targets_N); },
          [&](const Tensors& t) { return cross_entropy_plain(t[0], targets_N); });
}

TEST_CASE("fused kernels: gathering and combining rows", "[core][model]") {
  const auto rows_S = random_tokens(1, 20, 9, 6).view(-1);  // some of the 9 tokens several times, some never
  compare({random_normal({9, 21}, 6, "values")}, [&](const Tensors& t) { return gather_rows(t[0], rows_S); },
          [&](const Tensors& t) { return gather_rows_plain(t[0], rows_S); });
  compare({random_normal({20, 21}, 6, "values"), random_normal({20}, 6, "weights")}, [&](const Tensors& t) { return combine_rows(t[0], t[1], rows_S, 9); },
          [&](const Tensors& t) { return combine_rows_plain(t[0], t[1], rows_S, 9); });
}

TEST_CASE("fused kernels: a NaN or infinity never turns into a number", "[core][model]") {
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t place : {0, 5, 17}) {
    CAPTURE(place);
    auto logits_NV = random_normal({2, 20}, 7, "logits");
    logits_NV[1][place] = nan;
    CHECK(cross_entropy(logits_NV, torch::zeros({2}, torch::kInt64)).isnan().item<bool>());
    CHECK(rms_norm(logits_NV, torch::ones({20}), 1e-6)[1].isnan().all().item<bool>());
    CHECK(swiglu(logits_NV)[1].isnan().any().item<bool>());
    auto qkv_NW = random_normal({20, 24}, 7, "qkv");
    qkv_NW[9][place] = nan;
    const AttentionShape shape{1, 20, 1, 1, 8};
    CHECK(rotary_attention(qkv_NW, shape, rope_table(torch::arange(20, torch::kInt64), 8, 1e4, torch::kFloat32)).slice(0, 9).isnan().any().item<bool>());
  }
}
