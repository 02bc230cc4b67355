// From a similarity matrix of units to the group element that matches them: one-to-one, optionally with signs, optionally only the best share,
// or in two levels where units come in groups. Rows are the anchor's slots, columns the source's units.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

#include "core/align/assignment.hpp"
#include "core/align/transform.hpp"

namespace symphony {

struct UnitMatchOptions {
  /// Share of the units that keep their match, the best-matched first; the rest is filled index to index in increasing order, so that the
  /// result stays a permutation.
  double fraction = 1;
  /// bool [n], units that carry no signal: as many as possible are matched with each other, equal indices first, the others in increasing
  /// order, and left out of the assignment. Undefined: none.
  torch::Tensor dead_anchor, dead_source;
  /// `UnitMatch::start` of an earlier match of nearly the same similarities: saves work, changes nothing else.
  AssignmentStart start = {};
};

struct UnitMatch {
  Transform transform;
  double similarity_before = 0;  ///< mean over slots with the identity
  double similarity_after = 0;   ///< mean over slots with `transform`
  double margin = 0;             ///< mean over slots of the chosen entry minus the best other entry of the row
  double objective = 0, gap = 0; ///< of the assignment
  std::int64_t dead = 0;         ///< pairs left out of the assignment
  AssignmentWork work;           ///< of the assignment; of units in groups, not counted
  AssignmentStart start;         ///< for the next match; of units in groups, empty
};

/// Maximises the sum of `similarity_nn` ([n, n], float32 or float64; the assignment reads it in float32, in place where it is); all signs +1.
UnitMatch match_units(const torch::Tensor& similarity_nn, const UnitMatchOptions& options = {});

/// Where signs are a symmetry: the pair (j, k) is worth fixed[j, k] + |signed[j, k]|, with the sign of signed[j, k]. `fixed_nn` may be
/// undefined (zero). One more matrix is made. This is the exact maximum over all signed permutations.
UnitMatch match_signed_units(const torch::Tensor& signed_nn, const torch::Tensor& fixed_nn, const UnitMatchOptions& options = {});

/// The entries of slots 0 to n - 1 with units[0] to units[n - 1] in a matrix that need not be in memory: float64 [n].
using PairEntries = std::function<torch::Tensor(const std::vector<std::int64_t>& units)>;
/// The same from worth = fixed + |signed|, and no further matrix: `signed_entries` is asked for the pairs that are chosen and those of equal index.
UnitMatch match_signed_worth(const torch::Tensor& worth_nn, const PairEntries& signed_entries, const UnitMatchOptions& options = {});

/// Units in consecutive groups of `group_size` that must be mapped to whole groups (query heads of a KV head). group_similarity [n / size,
/// n / size] is what a pair of groups is worth by itself; may be undefined. Exact: an assignment of units inside every pair of groups, then
/// one of groups.
UnitMatch match_grouped_units(const torch::Tensor& similarity_nn, std::int64_t group_size, const torch::Tensor& group_similarity = {});

}  // namespace symphony
