// Reading windows or items and pairing them.
#include "core/app/paired_windows.hpp"

#include <algorithm>
#include <cmath>

#include "core/app/sweep_runs.hpp"

namespace symphony {

namespace {

/// One domain's windows.
struct DomainWindows {
  std::string domain;
  bool in_domain = false;
  std::vector<double> values;
};

std::string group_of(const EvaluationRow& row) {
  return (row.subject == "model" ? "evaluation/" + row.moment : "rivals/" + row.subject) + "/" + row.suite + "/";
}

/// Of a suite that asks questions, what each was worth; none where the row is of another kind, or of one group of questions.
std::vector<double> read_items(const RunReader& reader, const EvaluationRow& row) {
  const std::string items = group_of(row) + row.task + "/item_" + row.metric;
  return reader.has(items) ? reader.values(items) : std::vector<double>();
}

std::vector<DomainWindows> read_windows(const RunReader& reader, const EvaluationRow& row) {
  const std::string group = group_of(row);
  const std::string windows = group + "window_" + row.metric;
  if (!reader.has(windows) || !reader.has(group + "in_domain")) return {};
  const auto shape = reader.shape(windows);
  const auto values = reader.values(windows);
  const auto in_domain = reader.values(group + "in_domain");
  const auto names = reader.labels(group + "domain");
  std::vector<DomainWindows> result;
  for (std::size_t domain = 0; domain < shape.at(0); ++domain) {
    DomainWindows entry{names.at(domain), in_domain.at(domain) != 0.0, {}};
    for (std::size_t window = 0; window < shape.at(1); ++window) {
      const double value = values[domain * shape[1] + window];
      if (!std::isnan(value)) entry.values.push_back(value);
    }
    result.push_back(std::move(entry));
  }
  return result;
}

bool stands_behind(const DomainWindows& windows, const std::string& task) {
  if (task == kInDomain) return windows.in_domain;
  if (task == kOutOfDistribution) return !windows.in_domain;
  return windows.domain == task;
}

}  // namespace

std::optional<Estimate> paired_window_difference(const RunReader& left, const RunReader& right, const EvaluationRow& row, const std::string& right_moment) {
  EvaluationRow its_like = row;
  its_like.moment = right_moment;
  const auto our_items = read_items(left, row), their_items = read_items(right, its_like);
  if (!our_items.empty() && our_items.size() == their_items.size()) return paired_difference(our_items, their_items);
  const auto ours = read_windows(left, row), theirs = read_windows(right, its_like);
  std::vector<Estimate> domains;
  for (const DomainWindows& windows : ours) {
    if (!stands_behind(windows, row.task)) continue;
    const auto pair = std::find_if(theirs.begin(), theirs.end(), [&](const DomainWindows& other) { return other.domain == windows.domain; });
    if (pair == theirs.end() || pair->values.size() != windows.values.size() || windows.values.empty()) return std::nullopt;
    domains.push_back(paired_difference(windows.values, pair->values));
  }
  if (domains.empty()) return std::nullopt;
  return mean_of_estimates(domains);
}

}  // namespace symphony
