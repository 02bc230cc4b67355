// Held-out windows or questions that two runs share, for differences with an interval where seeds cannot give one. A suite that wants this records,
// beside its rows, an array `window_<metric>` [domain, window] (NaN where a domain has fewer windows) and `in_domain` [domain], or, one that asks
// questions of one task, `item_<metric>` [item]. Core notes `window_hash` beside them. analysis/symphony_results pairs by the same rules.
#pragma once

#include <optional>

#include "core/log/evaluation_row.hpp"
#include "core/log/run_reader.hpp"
#include "core/score/estimators.hpp"

namespace symphony {

/// The mean difference `left` - `right` over the windows that stand behind `row` of `left` and its like in `right`, the row of the same subject, task and
/// metric at `right_moment` (a dense model that skips a router's phase ends earlier; windows are the same at every moment): those of a domain, or of
/// all in-domain or other domains, each domain weighing the same, or over the items of a task. None when a run has none of them, when a domain or
/// the task has a single one, when the windows' hashes differ or a file from before they were noted does not say, and when the items are not equally many.
std::optional<Estimate> paired_window_difference(const RunReader& left, const RunReader& right, const EvaluationRow& row, const std::string& right_moment);

}  // namespace symphony
