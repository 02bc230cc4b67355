// Transforms against dense matrices, and the exactness of permutations and signs.
#include <catch2/catch.hpp>

#include <torch/types.h>

#include "core/align/transform.hpp"
#include "core/base/error.hpp"
#include "core/base/random.hpp"

using namespace symphony;

namespace {

Transform random_monomial(std::int64_t size, Random& random) {
  std::vector<std::int8_t> sign;
  for (std::int64_t unit = 0; unit < size; ++unit) sign.push_back(random.below(2) ? 1 : -1);
  return Transform::monomial(random.permutation(size), sign);
}

torch::Tensor random_tensor(std::vector<std::int64_t> shape, Random& random) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  random.fill_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}, 0, 1);
  return tensor;
}

Transform rotation(double angle) {
  return Transform::orthogonal(torch::tensor({std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle)}, torch::kFloat64).reshape({2, 2}));
}

}  // namespace

TEST_CASE("transform: perm names the unit that goes to a slot and sign multiplies it there", "[core][align]") {
  const Transform transform = Transform::monomial({2, 0, 1}, {1, -1, 1});
  const torch::Tensor moved = transform.apply(torch::tensor({10.f, 20.f, 30.f}), 0);
  CHECK(torch::equal(moved, torch::tensor({30.f, -10.f, 20.f})));
  CHECK(torch::equal(transform.apply(torch::tensor({10.f, 20.f, 30.f}), 0, 1, Action::relabel), torch::tensor({30.f, 10.f, 20.f})));
  CHECK(transform.count_moved() == 3);
  CHECK(transform.count_negative() == 1);
}

TEST_CASE("transform: blocks of consecutive entries move together", "[core][align]") {
  const Transform transform = Transform::monomial({1, 0}, {1, -1});
  CHECK(torch::equal(transform.apply(torch::tensor({1.f, 2.f, 3.f, 4.f}), 0, 2), torch::tensor({3.f, 4.f, -1.f, -2.f})));
}

TEST_CASE("transform: applying equals multiplying by the dense matrix along any axis", "[core][align]") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    Random random(seed, "test");
    const Transform transform = random_monomial(7, random);
    const torch::Tensor matrix = transform.dense().to(torch::kFloat32);
    const torch::Tensor rows = random_tensor({7, 5}, random), columns = random_tensor({4, 7}, random);
    CHECK(torch::equal(transform.apply(rows, 0), matrix.mm(rows)));
    CHECK(torch::equal(transform.apply(columns, 1), columns.mm(matrix.t())));
  }
}

TEST_CASE("transform: composition acts as the second after the first", "[core][align]") {
  for (const std::uint64_t seed : {4u, 5u, 6u}) {
    CAPTURE(seed);
    Random random(seed, "test");
    const Transform first = random_monomial(9, random), second = random_monomial(9, random);
    const torch::Tensor values = random_tensor({9, 3}, random);
    CHECK(torch::equal(second.after(first).apply(values, 0), second.apply(first.apply(values, 0), 0)));
    CHECK(torch::equal(second.after(first).dense(), second.dense().mm(first.dense())));
  }
}

TEST_CASE("transform: a permutation with signs and its inverse round trip bit for bit", "[core][align]") {
  Random random(7, "test");
  const Transform transform = random_monomial(64, random);
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kBFloat16, torch::kHalf}) {
    const torch::Tensor values = random_tensor({3, 128}, random).to(dtype);
    const torch::Tensor moved = transform.apply(values, 1, 2);
    CHECK(moved.scalar_type() == dtype);
    CHECK(torch::equal(transform.inverse().apply(moved, 1, 2), values));
  }
  CHECK(transform.after(transform.inverse()).is_identity());
  CHECK(transform.inverse().after(transform).is_identity());
}

TEST_CASE("transform: rotations act, compose and invert in float64", "[core][align]") {
  const Transform quarter = rotation(M_PI / 2);
  const torch::Tensor turned = quarter.apply(torch::tensor({1.0, 0.0}, torch::kFloat64), 0);
  CHECK(torch::allclose(turned, torch::tensor({0.0, 1.0}, torch::kFloat64), 0, 1e-15));
  CHECK(torch::allclose(quarter.after(rotation(0.3)).dense(), rotation(M_PI / 2 + 0.3).dense(), 0, 1e-15));
  CHECK(torch::allclose(quarter.inverse().after(quarter).dense(), torch::eye(2, torch::kFloat64), 0, 1e-15));
  const torch::Tensor blocks = quarter.apply(torch::tensor({1.f, 2.f, 3.f, 4.f}).reshape({1, 4}), 1, 2);
  CHECK(torch::allclose(blocks, torch::tensor({-3.f, -4.f, 1.f, 2.f}).reshape({1, 4}), 0, 1e-6));
  CHECK(quarter.apply(torch::ones({2, 2}, torch::kFloat32), 0).scalar_type() == torch::kFloat32);
}

TEST_CASE("transform: values survive the way through tensors", "[core][align]") {
  Random random(8, "test");
  const Transform monomial = random_monomial(11, random);
  const Transform again = Transform::from_tensors(monomial.to_tensors(), "test");
  CHECK(again.perm() == monomial.perm());
  CHECK(again.sign() == monomial.sign());
  CHECK(torch::equal(Transform::from_tensors(rotation(0.7).to_tensors(), "test").dense(), rotation(0.7).dense()));
}

TEST_CASE("transform: the dual action is the inverse transpose of the direct one", "[core][align]") {
  for (const std::uint64_t seed : {9u, 10u}) {
    CAPTURE(seed);
    Random random(seed, "test");
    std::vector<double> scale;
    for (std::int64_t unit = 0; unit < 6; ++unit) scale.push_back(0.5 + static_cast<double>(random.below(100)) / 50);
    const torch::Tensor bases = random_tensor({2, 3, 3}, random).to(torch::kFloat64) + 3 * torch::eye(3, torch::kFloat64);
    const torch::Tensor factors = torch::complex(random_tensor({1, 3}, random).to(torch::kFloat64) + 2, random_tensor({1, 3}, random).to(torch::kFloat64));
    for (const Transform& transform : {Transform::monomial(random.permutation(6), {1, -1, 1, -1, -1, 1}, scale), Transform::blocks(bases), Transform::pairs(factors)}) {
      const torch::Tensor matrix = transform.dense(), values = random_tensor({6, 4}, random).to(torch::kFloat64);
      CHECK(torch::allclose(transform.apply(values, 0), matrix.mm(values), 0, 1e-12));
      CHECK(torch::allclose(transform.apply(values, 0, 1, Action::dual), torch::linalg_inv(matrix).t().mm(values), 0, 1e-12));
      CHECK(torch::allclose(transform.inverse().dense(), torch::linalg_inv(matrix), 0, 1e-12));
      CHECK(torch::allclose(transform.after(transform).dense(), matrix.mm(matrix), 0, 1e-12));
      CHECK(torch::allclose(Transform::from_tensors(transform.to_tensors(), "test").dense(), matrix, 0, 0));
      CHECK_FALSE(transform.is_exact());
    }
  }
}

TEST_CASE("transform: factors of rotary pairs turn feature p with feature p + P, as complex numbers do", "[core][align]") {
  const Transform turn = Transform::pairs(torch::complex(torch::tensor({0.0, 2.0}, torch::kFloat64), torch::tensor({1.0, 0.0}, torch::kFloat64)).unsqueeze(0));
  const torch::Tensor values = torch::tensor({1.0, 2.0, 3.0, 4.0}, torch::kFloat64);  // pairs (1, 3) and (2, 4)
  CHECK(torch::equal(turn.apply(values, 0), torch::tensor({-3.0, 4.0, 1.0, 8.0}, torch::kFloat64)));
  CHECK(torch::equal(turn.apply(values, 0, 1, Action::dual), torch::tensor({-3.0, 1.0, 1.0, 2.0}, torch::kFloat64)));
}

TEST_CASE("transform: a stretch acts on all of its repeats, and stretches can be renumbered", "[core][align]") {
  const Transform scales = Transform::blocks(torch::tensor({2.0, 3.0}, torch::kFloat64).reshape({2, 1, 1}));
  CHECK(torch::equal(scales.apply(torch::ones({4}), 0, 1, Action::direct, 2), torch::tensor({2.f, 2.f, 3.f, 3.f})));
  CHECK(torch::equal(scales.with_blocks_reordered({1, 0}).apply(torch::ones({2}), 0), torch::tensor({3.f, 2.f})));
  CHECK(torch::equal(scales.apply(torch::ones({2}), 0, 1, Action::relabel), torch::ones({2})));
}

TEST_CASE("transform: a mixing acts with its shares on both sides, and without their signs on what has none", "[core][align]") {
  const torch::Tensor shares = torch::tensor({0.25, -0.75, 1.0, 0.0}, torch::kFloat64).reshape({2, 2});
  const Transform mixing = Transform::mixing(shares);
  CHECK(mixing.kind() == TransformKind::mixing);
  CHECK(mixing.size() == 2);
  CHECK(mixing.num_blocks() == 1);
  CHECK_FALSE(mixing.is_exact());
  CHECK_FALSE(mixing.is_identity());
  CHECK(Transform::mixing(torch::eye(3)).is_identity());
  const torch::Tensor values = torch::tensor({4.f, 8.f});
  CHECK(torch::equal(mixing.apply(values, 0), torch::tensor({-5.f, 4.f})));
  CHECK(torch::equal(mixing.apply(values, 0, 1, Action::dual), torch::tensor({-5.f, 4.f})));
  CHECK(torch::equal(mixing.apply(values, 0, 1, Action::relabel), torch::tensor({7.f, 4.f})));
  CHECK(torch::equal(mixing.apply(values.unsqueeze(0), 1), torch::tensor({-5.f, 4.f}).unsqueeze(0)));
  CHECK(torch::equal(mixing.dense(), shares));
  const Transform again = Transform::from_tensors(mixing.to_tensors(), "test");
  CHECK(again.kind() == TransformKind::mixing);
  CHECK(torch::equal(again.dense(), shares));
}

TEST_CASE("transform: a mixing of single units acts as the permutation with signs that it is", "[core][align]") {
  Random random(11, "test");
  const Transform hard = random_monomial(9, random), soft = Transform::mixing(hard.dense());
  const torch::Tensor values = random_tensor({9, 4}, random);
  for (const Action action : {Action::direct, Action::dual, Action::relabel}) CHECK(torch::equal(soft.apply(values, 0, 1, action), hard.apply(values, 0, 1, action)));
}

TEST_CASE("transform: a mixing has no inverse and composes with nothing", "[core][align]") {
  const Transform mixing = Transform::mixing(torch::full({2, 2}, 0.5));
  CHECK_THROWS_WITH(mixing.inverse(), "transform: a mixing of 2 units is no group element, it has no inverse");
  CHECK_THROWS_WITH(mixing.after(Transform::identity(2)), "transform: a mixing of 2 units is no group element, it cannot be composed");
  CHECK_THROWS_WITH(Transform::identity(2).after(mixing), "transform: a mixing of 2 units is no group element, it cannot be composed");
  CHECK_THROWS_WITH(Transform::mixing(torch::full({2, 2}, 0.25)), "transform: the shares of slot 0 sum to 0.5 in magnitude, expected 1");
  CHECK_THROWS_WITH(Transform::mixing(torch::ones({2, 3})), "transform: shares of units are a square matrix, got 2 dimensions, 6 entries");
  CHECK_THROWS_AS(Transform::mixing(torch::full({1, 1}, NAN)), NumericError);
  CHECK_THROWS_WITH(Transform::from_tensors({{"mixing", torch::ones({2})}}, "file"), "file: 'mixing' of a transform is Float [2], expected Double with 2 axes");
}

TEST_CASE("transform: what is no group element is refused with its value", "[core][align]") {
  CHECK_THROWS_WITH(Transform::monomial({0, 2, 2}), "transform: perm[2] is 2, which another slot already holds; expected each of 3 units once");
  CHECK_THROWS_WITH(Transform::monomial({0, 3}), "transform: perm[1] is 3, expected a unit in 0..1");
  CHECK_THROWS_WITH(Transform::monomial({0, 1}, {1, 0}), "transform: sign[1] is 0, expected -1 or +1");
  CHECK_THROWS_WITH(Transform::monomial({0, 1}, {1}), "transform: got 1 signs for 2 units");
  CHECK_THROWS_WITH(Transform::orthogonal(2 * torch::eye(2)), "transform: max|Q Q^T - I| is 3, expected at most 1e-05");
  CHECK_THROWS_WITH(Transform::identity(3).after(Transform::identity(2)), "transform: cannot compose sizes 3 and 2");
  CHECK_THROWS_WITH(Transform::identity(3).apply(torch::zeros({2, 4}), 1),
                    "transform: axis 1 of a tensor with 2 dimensions and 8 entries, expected 3 units of 1");
  CHECK_THROWS_WITH(Transform::from_tensors({}, "file"), "file: a transform has neither 'perm' nor 'blocks', 'pairs' or 'mixing'");
  CHECK_THROWS_WITH(Transform::from_tensors({{"blocks", torch::zeros({1, 2, 3}, torch::kFloat64)}}, "file"), "file: 'blocks' of a transform is [1, 2, 3], expected square matrices");
  CHECK_THROWS_WITH(Transform::from_tensors({{"pairs", torch::full({1, 2, 2}, NAN, torch::kFloat64)}}, "file"), Catch::Contains("holds a NaN or an infinity"));
  CHECK_THROWS_AS(Transform::orthogonal(torch::full({2, 2}, NAN)), NumericError);
  CHECK_THROWS_WITH(Transform::monomial({0, 1}, {}, {1, 0}), "transform: scale[1] is 0, expected a finite positive number");
  CHECK_THROWS_WITH(Transform::diagonal(torch::tensor({1.0, 0.0})), "transform: scale[1] is 0, expected a finite positive number");
  CHECK_THROWS_WITH(Transform::blocks(torch::diag(torch::tensor({1.0, 1e-5})).unsqueeze(0)),
                    "transform: a change of basis has condition number 1e+05, expected at most 1e+04");
  CHECK_THROWS_WITH(Transform::pairs(torch::zeros({1, 2}, torch::kComplexDouble)), "transform: a factor of a rotary pair is zero or not finite");
  CHECK_THROWS_WITH(Transform::blocks(torch::eye(2).unsqueeze(0)).after(Transform::monomial({0, 1}, {}, {2, 1})),
                    "transform: cannot compose a rotation or factors with scales or another kind");
}
