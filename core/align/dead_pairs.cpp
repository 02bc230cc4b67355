// Set operations on increasing lists of units.
#include "core/align/dead_pairs.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace symphony {

namespace {

using Units = std::vector<std::int64_t>;

Units marked(const torch::Tensor& mask) {
  Units units;
  if (!mask.defined()) return units;
  const torch::Tensor flags = mask.to(torch::kCPU, torch::kBool).contiguous();
  for (std::int64_t unit = 0; unit < flags.numel(); ++unit)
    if (flags.data_ptr<bool>()[unit]) units.push_back(unit);
  return units;
}

Units without(std::int64_t size, Units removed) {
  std::sort(removed.begin(), removed.end());
  Units all(static_cast<std::size_t>(size)), rest;
  std::iota(all.begin(), all.end(), 0);
  std::set_difference(all.begin(), all.end(), removed.begin(), removed.end(), std::back_inserter(rest));
  return rest;
}

}  // namespace

DeadPairs pair_dead_units(std::int64_t size, const torch::Tensor& dead_anchor, const torch::Tensor& dead_source) {
  const Units slots = marked(dead_anchor), units = marked(dead_source);
  Units both, own_slots, own_units;
  std::set_intersection(slots.begin(), slots.end(), units.begin(), units.end(), std::back_inserter(both));
  std::set_difference(slots.begin(), slots.end(), both.begin(), both.end(), std::back_inserter(own_slots));
  std::set_difference(units.begin(), units.end(), both.begin(), both.end(), std::back_inserter(own_units));
  DeadPairs result;
  for (const std::int64_t unit : both) result.pairs.emplace_back(unit, unit);
  for (std::size_t pair = 0; pair < std::min(own_slots.size(), own_units.size()); ++pair) result.pairs.emplace_back(own_slots[pair], own_units[pair]);
  Units gone_slots, gone_units;
  for (const auto& [slot, unit] : result.pairs) gone_slots.push_back(slot), gone_units.push_back(unit);
  result.other_slots = without(size, std::move(gone_slots));
  result.other_units = without(size, std::move(gone_units));
  return result;
}

}  // namespace symphony
