// What alignment methods share: the way around the star of sources, the scopes that are closed forms once units are matched, the note on a common
// ancestor.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plugin/alignment.hpp"
#include "core/plugin/alignment_log.hpp"

namespace symphony {

/// `align_source` of every source but the anchor, in order; the anchor's set is empty. Tells the progress and at the end writes `log`, which `align_source`
/// adds to.
std::vector<TransformSet> align_sources(const AlignmentProblem& problem, const Context& context, const AlignmentLog& log,
                                        const std::function<TransformSet(std::size_t source_idx)>& align_source);

bool in_scope(const std::vector<std::string>& scope, std::string_view name);

/// "gains": adds to `set` the folds of the source's gains and, after the residual, the anchor's gains in their place.
void add_gains(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set);

/// "attention_heads": adds the permutation of heads under the rest of `set` that matches their circuits.
void add_heads(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set, AlignmentLog& log);

/// "gauge": adds the gauges of every layer's heads, and to every FFN element in `set` the scales of its units, under the rest of
/// `set`; gauges that `set` has already are found anew.
void add_gauges(const AlignmentProblem& problem, std::size_t source_idx, TransformSet& set, AlignmentLog& log);

/// Says in the log when no unit of any source moves: the models then share an ancestor and permutations have nothing to align (methods-alignment 0.9).
/// Elements of groups that permute nothing (gains, gauges) and rotations count for neither.
void note_common_ancestry(const AlignmentProblem& problem, const std::vector<TransformSet>& sets, Recorder& recorder);

}  // namespace symphony
