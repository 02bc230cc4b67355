// Similarities against their definitions and invariances.
#include <catch2/catch.hpp>

#include <torch/types.h>

#include "core/align/similarity.hpp"
#include "core/base/error.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {

torch::Tensor normal(std::int64_t tokens, std::int64_t features, Random& random) {
  torch::Tensor values = torch::empty({tokens, features}, torch::kFloat32);
  random.fill_normal({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, 0, 1);
  return values;
}

/// HSIC by the centring matrix: tr(K H L H), the textbook form.
double hsic(const torch::Tensor& x, const torch::Tensor& y) {
  const torch::Tensor a = x.to(torch::kFloat64), b = y.to(torch::kFloat64);
  const torch::Tensor h = torch::eye(a.size(0), torch::kFloat64) - 1.0 / static_cast<double>(a.size(0));
  return (a.mm(a.t()).mm(h) * h.mm(b.mm(b.t()))).sum().item<double>();
}

/// Linear CKA as its definition has it, features against features.
double cka_of_features(const torch::Tensor& x, const torch::Tensor& y) {
  const torch::Tensor a = x.to(torch::kFloat64) - x.to(torch::kFloat64).mean(0), b = y.to(torch::kFloat64) - y.to(torch::kFloat64).mean(0);
  return b.t().mm(a).norm().square().item<double>() / (a.t().mm(a).norm() * b.t().mm(b).norm()).item<double>();
}

double minibatch(const torch::Tensor& x, const torch::Tensor& y, std::int64_t batch) {
  MinibatchCka cka;
  for (std::int64_t first = 0; first < x.size(0); first += batch) cka.add(x.narrow(0, first, batch), y.narrow(0, first, batch));
  return cka.finish().value;
}

}  // namespace

TEST_CASE("similarity: linear CKA equals the kernel form and records its sizes", "[core][align]") {
  Random random(1, "test");
  const torch::Tensor x = normal(60, 5, random), y = x.narrow(1, 0, 3) + normal(60, 3, random) + 2;
  const Similarity found = linear_cka(x, y);
  CHECK(found.value == Approx(hsic(x, y) / std::sqrt(hsic(x, x) * hsic(y, y))).epsilon(1e-10));
  CHECK(found.tokens == 60);
  CHECK(found.features_a == 5);
  CHECK(found.features_b == 3);
  CHECK(linear_cka(x, x).value == Approx(1));
  CHECK(linear_cka(y, x).value == Approx(found.value));
}

TEST_CASE("similarity: linear CKA is the same from tokens, where they are fewer, and from features", "[core][align]") {
  for (const std::int64_t tokens : {9, 12, 15, 16, 40}) {  // features of x and y: 16 and 12
    CAPTURE(tokens);
    Random random(7, "test");
    const torch::Tensor x = normal(tokens, 16, random), y = x.narrow(1, 0, 12) + normal(tokens, 12, random) + 3;
    const Similarity found = linear_cka(x, y);
    CHECK(found.value == Approx(cka_of_features(x, y)).epsilon(1e-10));
    CHECK(found.value == Approx(hsic(x, y) / std::sqrt(hsic(x, x) * hsic(y, y))).epsilon(1e-10));
    CHECK(found.tokens == tokens);
    CHECK(linear_cka(x, x).value == Approx(1));
  }
  // Centred, x is (-1, 1) and y is (-1, 1; 2, -2): one direction each, so they agree wholly; of two directions of equal length one in common is 1 / sqrt(2).
  CHECK(linear_cka(torch::tensor({1.0, 3.0}).reshape({2, 1}), torch::tensor({0.0, 4.0, 2.0, 0.0}).reshape({2, 2})).value == Approx(1));
  const torch::Tensor one = torch::tensor({1.0, -1.0, 0.0, 0.0}).reshape({4, 1}), two = torch::tensor({1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0}).reshape({2, 4}).t();
  CHECK(linear_cka(one, two).value == Approx(1 / std::sqrt(2.0)));
  const torch::Tensor padding = torch::zeros({4, 5});
  CHECK(linear_cka(torch::cat({one, padding}, 1), torch::cat({two, padding}, 1)).value == Approx(1 / std::sqrt(2.0)));
  CHECK(std::isnan(linear_cka(torch::ones({4, 6}), torch::cat({two, padding}, 1)).value));
}

TEST_CASE("similarity: CKA sees no rotation and no scale, matched correlation does", "[core][align]") {
  for (const std::uint64_t seed : {2u, 3u}) {
    CAPTURE(seed);
    Random random(seed, "test");
    const torch::Tensor x = normal(200, 8, random), y = x + 0.5 * normal(200, 8, random);
    const torch::Tensor perm = torch::tensor(random.permutation(8));
    const torch::Tensor rotation = std::get<0>(torch::linalg_qr(normal(8, 8, random)));
    const double before = linear_cka(x, y).value;
    CHECK(linear_cka(x, y.index_select(1, perm)).value == Approx(before).epsilon(1e-6));
    CHECK(linear_cka(x, 3 * y.mm(rotation)).value == Approx(before).epsilon(1e-5));
    CHECK(minibatch(x, y.index_select(1, perm), 100) == Approx(minibatch(x, y, 100)).epsilon(1e-6));
    CHECK(linear_cka(x, y.mm(normal(8, 8, random))).value != Approx(before).epsilon(1e-2));
    CHECK(matched_correlation(x, y).value > 0.8);
    CHECK(matched_correlation(x, y.index_select(1, perm)).value < 0.6);
  }
}

TEST_CASE("similarity: the unbiased estimator is near zero for independent wide features, the biased one is not", "[core][align]") {
  Random random(4, "test");
  const torch::Tensor x = normal(64, 512, random), y = normal(64, 512, random);
  CHECK(linear_cka(x, y).value > 0.7);
  CHECK(std::abs(minibatch(x, y, 64)) < 0.05);
  CHECK(minibatch(x, x, 64) == Approx(1));
}

TEST_CASE("similarity: minibatches of different sizes agree", "[core][align]") {
  Random random(5, "test");
  const torch::Tensor x = normal(2048, 16, random), y = 0.7 * x + normal(2048, 16, random);
  const double whole = minibatch(x, y, 2048);
  CHECK(minibatch(x, y, 512) == Approx(whole).margin(0.01));
  CHECK(minibatch(x, y, 128) == Approx(whole).margin(0.01));
}

TEST_CASE("similarity: cosine and correlation of known rows", "[core][align]") {
  const torch::Tensor x = torch::tensor({1.0, 0.0, 0.0, 2.0, 0.0, 0.0}).reshape({3, 2}), y = torch::tensor({2.0, 0.0, 3.0, 0.0, 1.0, 1.0}).reshape({3, 2});
  CHECK(mean_cosine(x, y).value == Approx((1.0 + 0.0 + 0.0) / 3));
  torch::Tensor constant = x.clone();
  constant.select(1, 1).fill_(5);
  CHECK(matched_correlation(x, -x).value == Approx(-1));
  CHECK(matched_correlation(x, constant).value == Approx(0.5));
}

TEST_CASE("similarity: unequal tokens, widths and tiny batches are refused", "[core][align]") {
  CHECK_THROWS_WITH(linear_cka(torch::zeros({3, 2}), torch::zeros({4, 2})),
                    "linear CKA: features have shapes [3, 2] and [4, 2], expected the same 2 or more tokens in rows");
  CHECK_THROWS_WITH(mean_cosine(torch::zeros({3, 2}), torch::zeros({3, 5})), "mean cosine: got 2 and 5 features, expected equally many");
  MinibatchCka cka;
  CHECK_THROWS_AS(cka.add(torch::zeros({3, 2}), torch::zeros({3, 2})), NumericError);
  CHECK_THROWS_WITH(cka.finish(), "minibatch CKA: no batch was added");
}
