// Each group draws from a stream of its own.
#include "tests/support/random_transforms.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/random.hpp"
#include "core/model/gains.hpp"

namespace symphony::testing {

namespace {

torch::Tensor normal(std::vector<std::int64_t> shape, Random& random) {
  torch::Tensor values = torch::empty(shape, torch::kFloat32);
  random.fill_normal({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, 0, 1);
  return values.to(torch::kFloat64);
}

Transform random_monomial(const SymmetryGroup& group, bool with_signs, bool with_unit_scales, Random& random) {
  std::vector<std::int64_t> perm;
  for (const std::int64_t from : random.permutation(group.size / group.group_size))
    for (const std::int64_t within : random.permutation(group.group_size)) perm.push_back(from * group.group_size + within);
  if (!group.freedom.permutations) std::sort(perm.begin(), perm.end());
  std::vector<std::int8_t> sign;
  std::vector<double> scale;
  for (std::int64_t unit = 0; unit < group.size; ++unit) {
    if (with_signs && group.freedom.signs) sign.push_back(random.below(2) == 0 ? 1 : -1);
    if (group.freedom.scales && (with_unit_scales || group.scope != "ffn")) scale.push_back(std::exp2(static_cast<double>(random.below(2001)) / 1000 - 1));
  }
  return Transform::monomial(std::move(perm), std::move(sign), std::move(scale));
}

/// Powers of i, or of -1.
Transform random_turns(const SymmetryGroup& group, std::int64_t blocks, std::int64_t pairs, Random& random) {
  const torch::Tensor real = torch::zeros({blocks, pairs}, torch::kFloat64), imaginary = torch::zeros_like(real);
  for (std::int64_t entry = 0; entry < blocks * pairs; ++entry) {
    const bool turns = group.freedom.factors == PairFactors::quarter_turns && random.below(2) == 1;
    (turns ? imaginary : real).data_ptr<double>()[entry] = random.below(2) == 0 ? 1 : -1;
  }
  return Transform::pairs(torch::complex(real, imaginary));
}

Transform random_element(const SymmetryGroup& group, bool with_signs, bool with_unit_scales, Random& random) {
  const std::int64_t blocks = group.num_blocks, width = group.size / blocks;
  switch (group.freedom.kind) {
    case TransformKind::blocks: return Transform::blocks(normal({blocks, width, width}, random) / std::sqrt(static_cast<double>(width)) +
                                                         2 * torch::eye(width, torch::kFloat64));
    case TransformKind::pairs: {
      if (group.freedom.factors != PairFactors::any) return random_turns(group, blocks, width / 2, random);
      const torch::Tensor angle = M_PI * normal({blocks, width / 2}, random);
      return Transform::pairs(torch::polar((normal({blocks, width / 2}, random) / 2).exp(), angle));
    }
    case TransformKind::mixing:  // no symmetry of any group
    case TransformKind::monomial: break;
  }
  return random_monomial(group, with_signs, with_unit_scales, random);
}

}  // namespace

TransformSet random_transforms(const std::vector<SymmetryGroup>& groups, const std::vector<std::string>& scopes, bool with_signs, std::uint64_t seed) {
  TransformSet set;
  const auto listed = [&](std::string_view scope) { return std::find(scopes.begin(), scopes.end(), scope) != scopes.end(); };
  for (const SymmetryGroup& group : groups) {
    if (!listed(group.scope)) continue;
    Random random(seed, "symmetry." + group.id);
    set.emplace(group.id, random_element(group, with_signs, listed("gauge"), random));
  }
  return set;
}

Transform random_rotation(std::int64_t size, std::uint64_t seed) {
  Random random(seed, "rotation");
  return Transform::orthogonal(std::get<0>(torch::linalg_qr(normal({size, size}, random))));
}

TransformSet random_rotation_of(const Model& model, std::uint64_t seed) {
  TransformSet set = fold_gains(model);
  for (const SymmetryGroup& group : symmetry_groups(model.spec)) {
    Random random(seed, "gains." + group.id);
    if (group.scope == "gains" && !group.id.ends_with(".fold")) set.emplace(group.id, random_element(group, false, false, random));
  }
  set.insert_or_assign("residual", random_rotation(model.spec.hidden_size, seed));
  return set;
}

}  // namespace symphony::testing
