// Comparing two resolved configurations, two lists of stages, two tables of rows.
#include "core/app/run_diff.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/app/paired_windows.hpp"
#include "core/base/json.hpp"
#include "core/base/schema.hpp"
#include "core/score/average_tasks.hpp"
#include "core/score/estimators.hpp"

namespace symphony {

namespace {

void compare(const Value& left, const Value& right, std::vector<std::string>& path, std::vector<SettingDifference>& found) {
  if (left == right) return;
  const auto inside = [&](const std::string& part, const Value* a, const Value* b) {
    path.push_back(part);
    if (a && b) compare(*a, *b, path, found);
    else found.push_back({path_text(path), a ? to_json(*a) : "", b ? to_json(*b) : ""});
    path.pop_back();
  };
  if (left.is_map() && right.is_map()) {
    for (const auto& [key, value] : left.as_map()) inside(key, &value, right.find(key));
    for (const auto& [key, value] : right.as_map())
      if (!left.find(key)) inside(key, nullptr, &value);
    return;
  }
  if (left.is_list() && right.is_list() && left.as_list().size() == right.as_list().size()) {
    for (std::size_t index = 0; index < left.as_list().size(); ++index) inside(std::to_string(index), &left.as_list()[index], &right.as_list()[index]);
    return;
  }
  found.push_back({path_text(path), to_json(left), to_json(right)});
}

bool holds(const std::vector<StageUse>& stages, const StageUse& wanted) {
  return std::any_of(stages.begin(), stages.end(), [&](const StageUse& stage) { return stage.name == wanted.name && stage.key == wanted.key; });
}

NumberDifference compare(const EvaluationRow& left, const EvaluationRow& right, const RunReader& left_run, const RunReader& right_run) {
  NumberDifference found{left, right, right.value - left.value, std::nullopt, false};
  if (const auto windows = paired_window_difference(right_run, left_run, left, left.moment)) {
    found.half_width = half_width(*windows);
    found.paired = true;
  } else if (std::isfinite(left.std_error) && std::isfinite(right.std_error) && std::min(left.n, right.n) > 1) {
    found.half_width = half_width({found.difference, std::hypot(left.std_error, right.std_error), std::min(left.n, right.n)});
  }
  return found;
}

}  // namespace

std::vector<SettingDifference> setting_differences(const Value& left, const Value& right) {
  std::vector<SettingDifference> found;
  std::vector<std::string> path;
  compare(left, right, path, found);
  return found;
}

std::vector<StageDifference> stage_differences(const std::vector<StageUse>& left, const std::vector<StageUse>& right) {
  std::vector<StageDifference> found;
  for (const StageUse& stage : left)
    if (!holds(right, stage)) found.push_back({stage.name, stage.key, ""});
  for (const StageUse& stage : right) {
    if (holds(left, stage)) continue;
    const auto open = std::find_if(found.begin(), found.end(), [&](const StageDifference& entry) { return entry.name == stage.name && entry.right.empty(); });
    if (open != found.end()) open->right = stage.key;
    else found.push_back({stage.name, "", stage.key});
  }
  return found;
}

std::vector<NumberDifference> number_differences(const RunReader& left, const RunReader& right) {
  std::vector<NumberDifference> found;
  const auto others = right.evaluation();
  for (const EvaluationRow& row : left.evaluation()) {
    const auto is_same = [&row](const EvaluationRow& other) {
      return other.subject == row.subject && other.moment == row.moment && other.suite == row.suite && other.task == row.task && other.metric == row.metric &&
             other.filter == row.filter && other.shots == row.shots;
    };
    const auto other = std::find_if(others.begin(), others.end(), is_same);
    if (other != others.end()) found.push_back(compare(row, *other, left, right));
  }
  return found;
}

std::vector<NumberDifference> summing_up(const std::vector<NumberDifference>& differences) {
  std::set<std::string> averaging_suites;
  for (const NumberDifference& entry : differences)
    if (is_average(entry.left.task)) averaging_suites.insert(entry.left.suite);
  std::vector<NumberDifference> chosen;
  std::copy_if(differences.begin(), differences.end(), std::back_inserter(chosen), [&](const NumberDifference& entry) {
    return entry.left.subject == "model" && (is_average(entry.left.task) || !averaging_suites.contains(entry.left.suite));
  });
  return chosen;
}

}  // namespace symphony
