// Composition and inverse of whole sets. A set acts as  s . (gauges . heads) . Q . f : folds f in the source's coordinates, the residual element Q,
// heads and then gauges in the anchor's head order, gains s in the anchor's coordinates. So, with g^h for h g h^-1,
//   gauges:  (b2 h2)(b1 h1) = (b2 b1^h2)(h2 h1)               (b h)^-1 = (b^-1)^(h^-1) h^-1, the same for the signs of features and their turns
//   gains:   (s2 Q2 f2)(s1 Q1 f1) = s2 Q2 m Q1 f1, m = f2 s1    (s Q f)^-1 = f^-1 Q^-1 s^-1
// where m is diagonal and can be carried past Q2 or Q1 if that is a signed permutation; between two rotations it must be 1.
#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/model/symmetry.hpp"

namespace symphony {

namespace {

constexpr double kCancelled = 1e-6;  // gains are stored in float32

const Transform* element(const TransformSet& set, const std::string& id) {
  const auto found = set.find(id);
  return found == set.end() ? nullptr : &found->second;
}

Transform element_or_identity(const TransformSet& set, const std::string& id, std::int64_t size) {
  const Transform* found = element(set, id);
  return found ? *found : Transform::identity(size);
}

/// What an element becomes when the heads of its layer move, and their features turn, as `movers` has it. Gauges of KV groups go with their
/// group, signs of features with their feature; everything else commutes.
Transform carried(const Transform& given, const SymmetryGroup& group, const ModelSpec& spec, const TransformSet& movers) {
  if (group.id.ends_with("_signs")) {
    const Transform* turn = element(movers, fmt::format("layer.{}.qk_turn", group.layer));
    if (!turn) return given;
    const torch::Tensor signs = torch::tensor(std::vector<std::int64_t>(given.sign().begin(), given.sign().end()), torch::kInt64).to(torch::kFloat64);
    return Transform::diagonal(turn->apply(signs, 0, 1, Action::relabel));
  }
  if (group.scope != "gauge" || group.num_blocks == 1) return given;
  const Transform* heads = element(movers, fmt::format("layer.{}.heads", group.layer));
  return heads ? given.with_blocks_reordered(induced_on_groups(*heads, spec.heads_per_kv()).perm()) : given;
}

bool cancels(const Transform& diagonal) {
  const std::vector<double> scale = diagonal.scale();
  return diagonal.count_negative() == 0 && std::all_of(scale.begin(), scale.end(), [](double value) { return std::abs(value - 1) < kCancelled; });
}

void put(TransformSet& set, const std::string& id, Transform transform) {
  if (!transform.is_identity()) set.insert_or_assign(id, std::move(transform));
}

void compose_gains(const NormPlace& place, std::int64_t size, const TransformSet& later, const TransformSet& first, TransformSet& result) {
  const auto of = [size](const TransformSet& set, const std::string& id) { return element_or_identity(set, id, size); };
  const std::string fold = place.id + ".fold";
  Transform after = of(later, place.id), before = of(first, fold);
  const Transform middle = of(later, fold).after(of(first, place.id));
  const Transform later_residual = of(later, "residual"), first_residual = of(first, "residual");
  if (!cancels(middle)) {
    if (later_residual.is_monomial())
      after = after.after(later_residual.after(middle).after(later_residual.inverse()));
    else if (first_residual.is_monomial())
      before = first_residual.inverse().after(middle).after(first_residual).after(before);
    else
      fail<NumericError>("symmetry", "the gains of '{}' between two rotations do not cancel; no single element does what the two do", place.gain);
  }
  put(result, place.id, after);
  put(result, fold, before);
}

}  // namespace

TransformSet compose(const ModelSpec& spec, const TransformSet& later, const TransformSet& first) {
  TransformSet result;
  for (const SymmetryGroup& group : symmetry_groups(spec)) {
    if (group.scope == "gains") continue;
    const Transform* second = element(later, group.id);
    const Transform* given = element(first, group.id);
    if (!second && !given) continue;
    if (!given) result.emplace(group.id, *second);
    else {
      const Transform before = carried(*given, group, spec, later);
      result.emplace(group.id, second ? second->after(before) : before);
    }
  }
  for (const NormPlace& place : norm_places(spec)) compose_gains(place, spec.hidden_size, later, first, result);
  return result;
}

TransformSet inverse(const ModelSpec& spec, const TransformSet& set) {
  TransformSet movers, result;
  for (const auto& [id, transform] : set)
    if (id.ends_with(".heads") || id.ends_with(".qk_turn")) movers.emplace(id, transform.inverse());
  for (const SymmetryGroup& group : symmetry_groups(spec)) {
    const Transform* given = element(set, group.id);
    if (!given || group.scope == "gains") continue;
    result.emplace(group.id, carried(given->inverse(), group, spec, movers));
  }
  for (const NormPlace& place : norm_places(spec)) {
    const std::string fold = place.id + ".fold";
    if (const Transform* after = element(set, place.id)) result.emplace(fold, after->inverse());
    if (const Transform* before = element(set, fold)) result.emplace(place.id, before->inverse());
  }
  return result;
}

}  // namespace symphony
