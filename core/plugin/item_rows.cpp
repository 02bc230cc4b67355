// Means over all items and over those of each group.
#include "core/plugin/item_rows.hpp"

#include <algorithm>

#include "core/score/estimators.hpp"

namespace symphony {

std::vector<EvalRow> item_rows(const std::string& task, const std::vector<std::string>& groups, const ItemScores& scores, std::int64_t shots) {
  std::vector<EvalRow> rows;
  const auto add = [&](const std::string& name, const std::vector<double>& values) {
    const Estimate mean = mean_of(values);
    rows.push_back({name, scores.metric, mean.mean, mean.std_error, mean.n, "1", EvalRow::Better::higher, scores.filter, shots});
  };
  add(task, scores.values);
  std::vector<std::string> names;
  for (const std::string& group : groups)
    if (!group.empty() && std::find(names.begin(), names.end(), group) == names.end()) names.push_back(group);
  for (const std::string& name : names) {
    std::vector<double> values;
    for (std::size_t item = 0; item < groups.size(); ++item)
      if (groups[item] == name) values.push_back(scores.values[item]);
    add(task + "/" + name, values);
  }
  return rows;
}

void record_items(const ItemScores& scores, Recorder& recorder) {
  const std::string name = "item_" + scores.metric;
  const RecordAxis axis{"item", scores.values.size(), {}, {}};
  recorder.array({name, "1", "what each item was worth, in the order of the data"}, {&axis, 1}, std::vector<float>(scores.values.begin(), scores.values.end()));
}

}  // namespace symphony
