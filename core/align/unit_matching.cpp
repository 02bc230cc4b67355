// Matching on top of the assignment solver.
#include "core/align/unit_matching.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.hpp"

namespace symphony {

namespace {

using Units = std::vector<std::int64_t>;

struct Split {
  Units live_anchor, live_source;
  std::vector<std::pair<std::int64_t, std::int64_t>> dead;  // slot, unit
};

Units marked(const torch::Tensor& mask) {
  Units units;
  if (!mask.defined()) return units;
  const torch::Tensor flags = mask.to(torch::kCPU, torch::kBool).contiguous();
  for (std::int64_t unit = 0; unit < flags.numel(); ++unit)
    if (flags.data_ptr<bool>()[unit]) units.push_back(unit);
  return units;
}

Units without(std::int64_t size, const Units& removed) {
  Units all(static_cast<std::size_t>(size)), rest;
  std::iota(all.begin(), all.end(), 0);
  std::set_difference(all.begin(), all.end(), removed.begin(), removed.end(), std::back_inserter(rest));
  return rest;
}

/// Dead with dead: equal indices, then in increasing order as far as they reach.
Split split_dead(std::int64_t size, const UnitMatchOptions& options) {
  const Units slots = marked(options.dead_anchor), units = marked(options.dead_source);
  Units both, other_slots, other_units;
  std::set_intersection(slots.begin(), slots.end(), units.begin(), units.end(), std::back_inserter(both));
  std::set_difference(slots.begin(), slots.end(), both.begin(), both.end(), std::back_inserter(other_slots));
  std::set_difference(units.begin(), units.end(), both.begin(), both.end(), std::back_inserter(other_units));
  Split split;
  for (const std::int64_t unit : both) split.dead.emplace_back(unit, unit);
  for (std::size_t pair = 0; pair < std::min(other_slots.size(), other_units.size()); ++pair)
    split.dead.emplace_back(other_slots[pair], other_units[pair]);
  Units gone_slots, gone_units;
  for (const auto& [slot, unit] : split.dead) gone_slots.push_back(slot), gone_units.push_back(unit);
  std::sort(gone_slots.begin(), gone_slots.end());
  std::sort(gone_units.begin(), gone_units.end());
  split.live_anchor = without(size, gone_slots);
  split.live_source = without(size, gone_units);
  return split;
}

/// Keeps the `count` best-matched slots and fills the others with the units that are left, in increasing order.
void keep_best(Units& perm, const torch::Tensor& worth, std::size_t count) {
  const auto values = worth.accessor<double, 2>();
  Units order(perm.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return values[a][perm[static_cast<std::size_t>(a)]] > values[b][perm[static_cast<std::size_t>(b)]];
  });
  Units slots(order.begin() + static_cast<std::ptrdiff_t>(count), order.end()), units;
  std::sort(slots.begin(), slots.end());
  for (const std::int64_t slot : slots) units.push_back(perm[static_cast<std::size_t>(slot)]);
  std::sort(units.begin(), units.end());
  for (std::size_t pair = 0; pair < slots.size(); ++pair) perm[static_cast<std::size_t>(slots[pair])] = units[pair];
}

double mean_margin(const torch::Tensor& worth, const Units& perm) {
  if (perm.size() < 2) return 0;
  const torch::Tensor chosen = torch::tensor(perm, torch::kInt64).unsqueeze(1);
  const torch::Tensor others = worth.scatter(1, chosen, -INFINITY).amax(1);
  return (worth.gather(1, chosen).squeeze(1) - others).mean().item<double>();
}

torch::Tensor prepared(const torch::Tensor& similarity) {
  if (similarity.dim() != 2 || similarity.size(0) != similarity.size(1))
    fail<NumericError>("unit matching", "similarities have {} dimensions and {} entries, expected a square matrix", similarity.dim(), similarity.numel());
  return similarity.to(torch::kCPU, torch::kFloat64).contiguous();
}

/// `worth` is what a pair adds when matched with its best sign, `plain` what it adds with sign +1; `signs` may be undefined.
UnitMatch match(const torch::Tensor& worth, const torch::Tensor& plain, const torch::Tensor& signs, const UnitMatchOptions& options) {
  const std::int64_t size = worth.size(0);
  const Split split = split_dead(size, options);
  const torch::Tensor live = split.dead.empty() ? worth
                                                : worth.index_select(0, torch::tensor(split.live_anchor, torch::kInt64))
                                                      .index_select(1, torch::tensor(split.live_source, torch::kInt64));
  const bool fits = options.start.prices.size() == split.live_anchor.size();
  Assignment found = solve_assignment(live.to(torch::kFloat32), {true, fits ? options.start : AssignmentStart{}});
  Units perm(static_cast<std::size_t>(size));
  for (const auto& [slot, unit] : split.dead) perm[static_cast<std::size_t>(slot)] = unit;
  for (std::size_t row = 0; row < found.columns.size(); ++row)
    perm[static_cast<std::size_t>(split.live_anchor[row])] = split.live_source[static_cast<std::size_t>(found.columns[row])];
  UnitMatch result{Transform::identity(0)};
  result.margin = mean_margin(worth, perm);
  const auto kept = static_cast<std::size_t>(std::llround(options.fraction * static_cast<double>(size)));
  const Units best = perm;
  if (kept < perm.size()) keep_best(perm, worth, kept);
  std::vector<std::int8_t> sign;
  double after = 0;
  for (std::int64_t slot = 0; slot < size; ++slot) {
    const std::int64_t unit = perm[static_cast<std::size_t>(slot)];
    const bool keeps_sign = signs.defined() && unit == best[static_cast<std::size_t>(slot)];
    after += (keeps_sign ? worth : plain)[slot][unit].item<double>();
    sign.push_back(keeps_sign && signs[slot][unit].item<double>() < 0 ? -1 : 1);
  }
  result.transform = Transform::monomial(std::move(perm), std::move(sign));
  result.similarity_before = plain.diagonal().mean().item<double>();
  result.similarity_after = after / static_cast<double>(size);
  result.objective = found.objective;
  result.gap = found.gap;
  result.dead = static_cast<std::int64_t>(split.dead.size());
  result.work = found.work;
  result.start = {std::move(found.prices), std::move(found.columns)};
  return result;
}

}  // namespace

UnitMatch match_units(const torch::Tensor& similarity_nn, const UnitMatchOptions& options) {
  const torch::Tensor worth = prepared(similarity_nn);
  return match(worth, worth, {}, options);
}

UnitMatch match_signed_units(const torch::Tensor& signed_nn, const torch::Tensor& fixed_nn, const UnitMatchOptions& options) {
  const torch::Tensor signs = prepared(signed_nn);
  const torch::Tensor fixed = fixed_nn.defined() ? prepared(fixed_nn) : torch::zeros_like(signs);
  return match(fixed + signs.abs(), fixed + signs, signs, options);
}

UnitMatch match_grouped_units(const torch::Tensor& similarity_nn, std::int64_t group_size, const torch::Tensor& group_similarity) {
  const torch::Tensor worth = prepared(similarity_nn);
  const std::int64_t groups = worth.size(0) / group_size;
  torch::Tensor group_worth = group_similarity.defined() ? prepared(group_similarity).clone() : torch::zeros({groups, groups}, torch::kFloat64);
  std::vector<Units> inner(static_cast<std::size_t>(groups * groups));
  for (std::int64_t slot = 0; slot < groups; ++slot)
    for (std::int64_t from = 0; from < groups; ++from) {
      const torch::Tensor block = worth.narrow(0, slot * group_size, group_size).narrow(1, from * group_size, group_size);
      Assignment found = solve_assignment(block.to(torch::kFloat32), {true, {}});
      for (std::int64_t unit = 0; unit < group_size; ++unit) group_worth[slot][from] += block[unit][found.columns[static_cast<std::size_t>(unit)]];
      inner[static_cast<std::size_t>(slot * groups + from)] = std::move(found.columns);
    }
  const Assignment outer = solve_assignment(group_worth.to(torch::kFloat32), {true, {}});
  Units perm;
  double after = 0;
  for (std::int64_t slot = 0; slot < groups; ++slot) {
    const std::int64_t from = outer.columns[static_cast<std::size_t>(slot)];
    for (const std::int64_t unit : inner[static_cast<std::size_t>(slot * groups + from)]) {
      after += worth[static_cast<std::int64_t>(perm.size())][from * group_size + unit].item<double>();
      perm.push_back(from * group_size + unit);
    }
  }
  UnitMatch result{Transform::monomial(perm)};
  result.similarity_before = worth.diagonal().mean().item<double>();
  result.similarity_after = after / static_cast<double>(worth.size(0));
  result.margin = mean_margin(worth, perm);
  result.objective = outer.objective;
  result.gap = outer.gap;
  return result;
}

}  // namespace symphony
