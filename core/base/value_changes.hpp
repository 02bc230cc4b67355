// A data tree as what differs from another: a sweep's points have nearly equal configurations, so a plan keeps one of them whole and of the
// others only the changes.
#pragma once

#include "core/base/value.hpp"

namespace symphony {

/// [[["router", "k"], 3], ...]: the paths at which the trees differ, in order, with the other tree's values. Maps with the same keys in the same
/// order are compared key by key, anything else is replaced whole. Empty when the trees are equal.
Value changes_between(const Value& base, const Value& other);

/// The tree that `changes_between(base, tree)` was taken of. Throws DataError when `changes` is not of that form or does not fit `base`.
Value apply_changes(Value base, const Value& changes);

}  // namespace symphony
