// Rows and records of suites that judge one item after another: questions with a right answer.
#pragma once

#include <string>
#include <vector>

#include "core/base/record.hpp"
#include "core/plugin/eval.hpp"

namespace symphony {

/// What every item was worth, in the order asked.
struct ItemScores {
  std::string metric;
  std::vector<double> values;
  std::string filter = "none";
};

/// `task` over all items and, with groups, "task/group" for each in order of first appearance: mean, sample standard deviation / sqrt(n), n.
/// Unit "1", higher is better. `groups`: one an item, "" for none.
/// Differs from lm-evaluation-harness in the error of a pooled task, which there leaves out what groups differ by.
std::vector<EvalRow> item_rows(const std::string& task, const std::vector<std::string>& groups, const ItemScores& scores, std::int64_t shots);

/// item_<metric> [item], so that runs pair.
void record_items(const ItemScores& scores, Recorder& recorder);

}  // namespace symphony
