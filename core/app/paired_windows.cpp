// Reading windows or items and pairing them.
#include "core/app/paired_windows.hpp"

#include <algorithm>
#include <cmath>

#include "core/app/sweep_runs.hpp"
#include "core/base/json.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

/// One domain's windows.
struct DomainWindows {
  std::string domain;
  std::string hash;  ///< of the windows; "" where the file does not say
  std::vector<double> values;
};

std::string group_of(const EvaluationRow& row) {
  return (row.subject == "model" ? "evaluation/" + row.moment : "rivals/" + row.subject) + "/" + row.suite;
}

/// Of a suite that asks questions, what each was worth; none where the row is of another kind, or of one group of questions.
std::vector<double> read_items(const RunReader& reader, const EvaluationRow& row) {
  const std::string items = group_of(row) + "/" + row.task + "/item_" + row.metric;
  return reader.has(items) ? reader.values(items) : std::vector<double>();
}

bool stands_behind(const std::string& domain, bool is_in_domain, const std::string& task) {
  if (task == kInDomain) return is_in_domain;
  if (task == kOutOfDistribution) return !is_in_domain;
  return domain == task;
}

/// Of the domains that stand behind the row.
std::vector<DomainWindows> read_windows(const RunReader& reader, const EvaluationRow& row) {
  const std::string group = group_of(row);
  const std::string windows = group + "/window_" + row.metric;
  if (!reader.has(windows) || !reader.has(group + "/in_domain")) return {};
  const auto shape = reader.shape(windows);
  const auto values = reader.values(windows);
  const auto in_domain = reader.values(group + "/in_domain");
  const auto names = reader.labels(group + "/domain");
  const auto note = reader.note(group, layout::kWindowHash);
  const Value hashes = note ? parse_json(*note, group) : ValueMap{};
  std::vector<DomainWindows> result;
  for (std::size_t domain = 0; domain < shape.at(0); ++domain) {
    if (!stands_behind(names.at(domain), in_domain.at(domain) != 0.0, row.task)) continue;
    const Value* hash = hashes.find(names.at(domain));
    DomainWindows entry{names.at(domain), hash ? hash->as_string() : "", {}};
    for (std::size_t window = 0; window < shape.at(1); ++window) {
      const double value = values[domain * shape[1] + window];
      if (!std::isnan(value)) entry.values.push_back(value);
    }
    result.push_back(std::move(entry));
  }
  return result;
}

/// Equal numbers of windows are not enough: another length, context or recipe gives other windows.
bool are_the_same(const DomainWindows& left, const DomainWindows& right) {
  return !left.hash.empty() && left.hash == right.hash && !left.values.empty() && left.values.size() == right.values.size();
}

/// One unit of a kind tells no spread.
std::optional<Estimate> with_error(const Estimate& estimate) { return std::isnan(estimate.std_error) ? std::nullopt : std::optional(estimate); }

}  // namespace

std::optional<Estimate> paired_window_difference(const RunReader& left, const RunReader& right, const EvaluationRow& row, const std::string& right_moment) {
  EvaluationRow its_like = row;
  its_like.moment = right_moment;
  const auto our_items = read_items(left, row), their_items = read_items(right, its_like);
  if (!our_items.empty() && our_items.size() == their_items.size()) return with_error(paired_difference(our_items, their_items));
  const auto ours = read_windows(left, row), theirs = read_windows(right, its_like);
  if (ours.empty() || ours.size() != theirs.size()) return std::nullopt;  // an average over other domains is another average
  std::vector<Estimate> domains;
  for (const DomainWindows& windows : ours) {
    const auto pair = std::find_if(theirs.begin(), theirs.end(), [&](const DomainWindows& other) { return other.domain == windows.domain; });
    if (pair == theirs.end() || !are_the_same(windows, *pair)) return std::nullopt;
    domains.push_back(paired_difference(windows.values, pair->values));
  }
  return with_error(mean_of_estimates(domains));
}

}  // namespace symphony
