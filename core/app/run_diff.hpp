// What tells two runs apart: settings, stages, numbers. Differences of numbers are right - left; their error comes from the held-out windows that
// both were measured on where the suite recorded them (paired, so what both find hard cancels), otherwise from the two rows' own errors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/log/run_reader.hpp"

namespace symphony {

/// A place of the resolved configuration and what the runs have there, as JSON; "" where a run has nothing.
struct SettingDifference {
  std::string path, left, right;
};
/// Map by map, item by item; lists of different length as a whole.
std::vector<SettingDifference> setting_differences(const Value& left, const Value& right);

/// A stage that one run has and the other has not under this key; "" where the other has no such stage left to compare with.
struct StageDifference {
  std::string name, left, right;
};
/// The n-th differing stage of a name is set against the other's n-th. Stages of equal keys are one result and left out.
std::vector<StageDifference> stage_differences(const std::vector<StageUse>& left, const std::vector<StageUse>& right);

struct NumberDifference {
  EvaluationRow left, right;
  double difference = 0.0;
  std::optional<double> half_width;      ///< of the 95 % interval
  bool paired = false;                   ///< over windows
};
/// Every row that both runs have, in the left one's order.
std::vector<NumberDifference> number_differences(const RunReader& left, const RunReader& right);
/// Of `differences`, in their order, what sums up the model: the averages of suites that have any, and every row of the others, which ask about one task.
std::vector<NumberDifference> summing_up(const std::vector<NumberDifference>& differences);

}  // namespace symphony
