// Matching on top of the assignment solver.
#include "core/align/unit_matching.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/align/dead_pairs.hpp"
#include "core/base/error.hpp"

namespace symphony {

namespace {

using Units = std::vector<std::int64_t>;

/// The entry of every row in its column of `perm`: float64 [n].
torch::Tensor entries(const torch::Tensor& matrix_nn, const Units& perm) {
  return matrix_nn.gather(1, torch::tensor(perm, torch::kInt64).unsqueeze(1)).squeeze(1).to(torch::kFloat64);
}

/// Keeps the `count` best-matched slots and fills the others with the units that are left, in increasing order.
void keep_best(Units& perm, const torch::Tensor& worth, std::size_t count) {
  const torch::Tensor chosen = entries(worth, perm);
  const double* values = chosen.data_ptr<double>();
  Units order(perm.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return values[a] > values[b]; });
  Units slots(order.begin() + static_cast<std::ptrdiff_t>(count), order.end()), units;
  std::sort(slots.begin(), slots.end());
  for (const std::int64_t slot : slots) units.push_back(perm[static_cast<std::size_t>(slot)]);
  std::sort(units.begin(), units.end());
  for (std::size_t pair = 0; pair < slots.size(); ++pair) perm[static_cast<std::size_t>(slots[pair])] = units[pair];
}

double mean_margin(const torch::Tensor& worth, const Units& perm) {
  if (perm.size() < 2) return 0;
  constexpr std::int64_t kRowsAtOnce = 256;
  const torch::Tensor chosen = torch::tensor(perm, torch::kInt64).unsqueeze(1);
  double sum = entries(worth, perm).sum().item<double>();
  for (std::int64_t first = 0; first < worth.size(0); first += kRowsAtOnce) {
    const std::int64_t count = std::min(kRowsAtOnce, worth.size(0) - first);
    const torch::Tensor others = worth.narrow(0, first, count).scatter(1, chosen.narrow(0, first, count), -INFINITY).amax(1);
    sum -= others.to(torch::kFloat64).sum().item<double>();
  }
  return sum / static_cast<double>(perm.size());
}

/// Square and contiguous on the CPU, float32 or float64 as it came.
torch::Tensor prepared(const torch::Tensor& similarity) {
  if (similarity.dim() != 2 || similarity.size(0) != similarity.size(1))
    fail<NumericError>("unit matching", "similarities have {} dimensions and {} entries, expected a square matrix", similarity.dim(), similarity.numel());
  return similarity.to(torch::kCPU, similarity.scalar_type() == torch::kFloat32 ? torch::kFloat32 : torch::kFloat64).contiguous();
}

/// `worth` is what a pair adds when matched with its best sign; a negative entry of `signs` (may be empty) says that this is sign -1, and that sign
/// +1 adds twice the entry less.
UnitMatch match(const torch::Tensor& worth, const PairEntries& signs, const UnitMatchOptions& options) {
  const std::int64_t size = worth.size(0);
  const DeadPairs dead = pair_dead_units(size, options.dead_anchor, options.dead_source);
  const auto plain = [&](const torch::Tensor& best_n, const torch::Tensor& sign_n) { return sign_n.defined() ? best_n + 2 * sign_n.clamp_max(0) : best_n; };
  const bool fits = options.start.prices.size() == dead.other_slots.size();
  Assignment found = [&] {
    const torch::Tensor live = dead.pairs.empty() ? worth
                                                  : worth.index_select(0, torch::tensor(dead.other_slots, torch::kInt64))
                                                        .index_select(1, torch::tensor(dead.other_units, torch::kInt64));
    return solve_assignment(live.to(torch::kFloat32), {true, fits ? options.start : AssignmentStart{}});
  }();
  Units perm(static_cast<std::size_t>(size));
  for (const auto& [slot, unit] : dead.pairs) perm[static_cast<std::size_t>(slot)] = unit;
  for (std::size_t row = 0; row < found.columns.size(); ++row)
    perm[static_cast<std::size_t>(dead.other_slots[row])] = dead.other_units[static_cast<std::size_t>(found.columns[row])];
  UnitMatch result{Transform::identity(0)};
  result.margin = mean_margin(worth, perm);
  const auto kept = static_cast<std::size_t>(std::llround(options.fraction * static_cast<double>(size)));
  const Units best = perm;
  if (kept < perm.size()) keep_best(perm, worth, kept);
  const torch::Tensor worth_n = entries(worth, perm), sign_n = signs ? signs(perm) : torch::Tensor();
  const torch::Tensor plain_n = plain(worth_n, sign_n);
  std::vector<std::int8_t> sign;
  double after = 0;
  for (std::int64_t slot = 0; slot < size; ++slot) {
    const bool keeps_sign = sign_n.defined() && perm[static_cast<std::size_t>(slot)] == best[static_cast<std::size_t>(slot)];
    after += (keeps_sign ? worth_n : plain_n).data_ptr<double>()[slot];
    sign.push_back(keeps_sign && sign_n.data_ptr<double>()[slot] < 0 ? -1 : 1);
  }
  result.transform = Transform::monomial(std::move(perm), std::move(sign));
  Units same(static_cast<std::size_t>(size));
  std::iota(same.begin(), same.end(), 0);
  result.similarity_before = plain(worth.diagonal().to(torch::kFloat64), signs ? signs(same) : torch::Tensor()).mean().item<double>();
  result.similarity_after = after / static_cast<double>(size);
  result.objective = found.objective;
  result.gap = found.gap;
  result.dead = static_cast<std::int64_t>(dead.pairs.size());
  result.work = found.work;
  result.start = {std::move(found.prices), std::move(found.columns)};
  return result;
}

}  // namespace

UnitMatch match_units(const torch::Tensor& similarity_nn, const UnitMatchOptions& options) { return match(prepared(similarity_nn), {}, options); }

UnitMatch match_signed_units(const torch::Tensor& signed_nn, const torch::Tensor& fixed_nn, const UnitMatchOptions& options) {
  const torch::Tensor signs = prepared(signed_nn);
  torch::Tensor worth = signs.abs();
  if (fixed_nn.defined()) worth.add_(prepared(fixed_nn));
  return match(worth, [&](const Units& units) { return entries(signs, units); }, options);
}

UnitMatch match_signed_worth(const torch::Tensor& worth_nn, const PairEntries& signed_entries, const UnitMatchOptions& options) {
  return match(prepared(worth_nn), signed_entries, options);
}

UnitMatch match_grouped_units(const torch::Tensor& similarity_nn, std::int64_t group_size, const torch::Tensor& group_similarity) {
  const torch::Tensor worth = prepared(similarity_nn).to(torch::kFloat64);
  const std::int64_t groups = worth.size(0) / group_size;
  torch::Tensor group_worth = group_similarity.defined() ? prepared(group_similarity).to(torch::kFloat64, false, true) : torch::zeros({groups, groups}, torch::kFloat64);
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
