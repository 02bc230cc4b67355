// Means, spreads and paired differences of a sweep's runs.
#include "core/app/sweep_table.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/table.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/score/estimators.hpp"

namespace symphony {

namespace {

constexpr double kConfidence = 0.95;

std::optional<Statistic> statistic(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  const Estimate estimate = mean_of(values);
  Statistic result{estimate.mean, std::nullopt, values.size()};
  if (values.size() > 1) result.spread = estimate.std_error * std::sqrt(static_cast<double>(values.size()));
  return result;
}

/// Values over seeds of one row; runs that lack it do not count.
std::optional<Statistic> over_seeds(const std::vector<const FinishedRun*>& runs, const std::string& subject, const std::string& moment,
                                    const std::string& task, const std::string& metric) {
  std::vector<double> values;
  for (const FinishedRun* run : runs)
    if (const auto value = run->value(subject, moment, task, metric)) values.push_back(*value);
  return statistic(values);
}

double half_width(const Estimate& estimate) {
  const Interval interval = t_interval(estimate, kConfidence);
  return (interval.high - interval.low) / 2;
}

/// One seed: differences window by window, domains equally weighted as in the in-domain mean.
double window_half_width(const FinishedRun& run, const FinishedRun& other) {
  const auto left = window_values(run, run.moments().back());
  const auto right = window_values(other, other.moments().back());
  std::vector<Estimate> domains;
  for (std::size_t domain = 0; domain < left.size(); ++domain) domains.push_back(paired_difference(left[domain], right[domain]));
  return half_width(mean_of_estimates(domains));
}

TableRow variant_row(const SweepRuns& sweep, const SweepTable& table, const std::string& block, const std::string& variant) {
  const auto runs = sweep.of(block, variant);
  TableRow row{block, variant, false, {}, {}, {}};
  for (const std::string& point : table.points) row.points.push_back(over_seeds(runs, "model", point, "in_domain", table.metric));
  if (!runs.empty()) row.out_of_distribution = over_seeds(runs, "model", runs.front()->moments().back(), "out_of_distribution", table.metric);
  const bool is_baseline = variant == table.baseline;
  if (!is_baseline && !table.baseline.empty()) row.difference = difference_between(sweep, table.metric, block, variant, table.baseline);
  return row;
}

/// Sources, ensemble and oracle: the same in every run of the block, so each seed's first run is read.
std::vector<TableRow> rival_rows(const SweepRuns& sweep, const SweepTable& table, const std::string& block) {
  std::vector<const FinishedRun*> one_a_seed;
  std::set<std::int64_t> seeds;
  std::vector<std::string> subjects;
  for (const FinishedRun& run : sweep.runs) {
    if (run.point->block != block || !seeds.insert(run.point->seed).second) continue;
    one_a_seed.push_back(&run);
    for (const EvaluationRow& row : run.rows)
      if (row.subject != "model" && std::find(subjects.begin(), subjects.end(), row.subject) == subjects.end()) subjects.push_back(row.subject);
  }
  std::vector<TableRow> rows;
  for (const std::string& subject : subjects) {
    TableRow row{block, subject, true, {}, {}, {}};
    row.points.assign(table.points.size(), std::nullopt);
    row.points.back() = over_seeds(one_a_seed, subject, "given", "in_domain", table.metric);
    row.out_of_distribution = over_seeds(one_a_seed, subject, "given", "out_of_distribution", table.metric);
    if (row.points.back()) rows.push_back(std::move(row));
  }
  return rows;
}

std::string cell(const std::optional<Statistic>& value) {
  if (!value) return "-";
  if (!value->spread) return fmt::format("{:.3f}", value->mean);
  return fmt::format("{:.3f} +- {:.3f}", value->mean, *value->spread);
}

std::string cell(const std::optional<PairedDifference>& difference) {
  if (!difference) return "-";
  // Differences of rounding size must not print as zero.
  const bool tiny = std::abs(difference->mean) < 5e-4 && difference->half_width < 5e-4;
  return tiny ? fmt::format("{:+.1e} +- {:.0e}", difference->mean, difference->half_width)
              : fmt::format("{:+.3f} +- {:.3f}", difference->mean, difference->half_width);
}

}  // namespace

std::optional<PairedDifference> difference_between(const SweepRuns& sweep, const std::string& metric, const std::string& block,
                                                  const std::string& variant, const std::string& against) {
  PairedDifference result;
  std::vector<std::pair<const FinishedRun*, const FinishedRun*>> pairs;
  for (const FinishedRun* run : sweep.of(block, variant))
    for (const FinishedRun* other : sweep.of(block, against)) {
      if (run->point->seed != other->point->seed) continue;
      const auto left = run->value("model", run->moments().back(), "in_domain", metric);
      const auto right = other->value("model", other->moments().back(), "in_domain", metric);
      if (!left || !right) continue;
      result.by_seed.push_back(*left - *right);
      pairs.emplace_back(run, other);
    }
  if (pairs.empty()) return std::nullopt;
  result.seeds = pairs.size();
  const Estimate estimate = mean_of(result.by_seed);
  result.mean = estimate.mean;
  if (result.seeds > 1) result.half_width = half_width(estimate);
  else if (metric == "bits_per_byte") result.half_width = window_half_width(*pairs.front().first, *pairs.front().second);
  else result.half_width = std::nan("");
  return result;
}

SweepTable make_table(const SweepRuns& sweep, const std::string& metric, const std::string& baseline) {
  SweepTable table;
  table.experiment = sweep.plan.experiment;
  table.metric = metric;
  table.baseline = baseline.empty() ? sweep.plan.baseline : baseline;
  table.blocks = sweep.blocks();
  table.unfinished = sweep.unfinished;
  std::set<std::int64_t> seeds;
  std::vector<std::string> known_metrics;
  for (const FinishedRun& run : sweep.runs) {
    seeds.insert(run.point->seed);
    if (run.moments().size() > table.points.size()) table.points = run.moments();  // dense variants skip the router's phase
    for (const EvaluationRow& row : run.rows)
      if (row.task == "in_domain" && std::find(known_metrics.begin(), known_metrics.end(), row.metric) == known_metrics.end()) known_metrics.push_back(row.metric);
  }
  if (sweep.runs.empty()) return table;
  if (std::find(known_metrics.begin(), known_metrics.end(), metric) == known_metrics.end())
    fail<ConfigError>("--metric", "no metric {} with in-domain rows; {}", quoted(metric), name_hint(metric, known_metrics));
  table.seeds.assign(seeds.begin(), seeds.end());
  for (const std::string& block : table.blocks) {
    for (const std::string& variant : sweep.variants(block)) table.rows.push_back(variant_row(sweep, table, block, variant));
    for (TableRow& row : rival_rows(sweep, table, block)) table.rows.push_back(std::move(row));
  }
  return table;
}

std::string table_caption(const SweepTable& table) {
  std::string seeds;
  for (const std::int64_t seed : table.seeds) seeds += fmt::format("{}{}", seeds.empty() ? "" : ", ", seed);
  const bool many = table.seeds.size() > 1;
  return fmt::format("{}: {}, mean over the in-domain domains, after each point of the model's life; seed{} {}{}. Names in parentheses: nothing was trained for them.\n",
                     table.experiment, table.metric, many ? "s" : "", seeds,
                     many ? "; +- is the standard deviation over seeds, of a difference the 95 % t interval over paired seeds"
                          : " (spread over seeds unknown; +- of a difference is its 95 % interval over paired held-out windows)");
}

std::string format_table(const SweepTable& table, const std::string& format) {
  std::vector<std::string> header;
  const bool has_blocks = table.blocks.size() > 1;
  if (has_blocks) header.push_back("block");
  header.push_back("variant");
  for (const std::string& point : table.points) header.push_back(point);
  header.emplace_back("out of distribution");
  if (!table.baseline.empty()) header.emplace_back("difference from " + table.baseline);
  Table text(header);
  for (const TableRow& row : table.rows) {
    std::vector<std::string> cells;
    if (has_blocks) cells.push_back(row.block);
    cells.push_back(row.rival ? "(" + row.name + ")" : row.name);
    for (const auto& point : row.points) cells.push_back(cell(point));
    cells.push_back(cell(row.out_of_distribution));
    if (!table.baseline.empty()) cells.push_back(!row.rival && row.name == table.baseline ? "baseline" : cell(row.difference));
    text.add_row(cells);
  }
  if (format == "text") return text.text();
  if (format == "markdown") return text.markdown();
  if (format == "csv") return text.csv();
  fail<ConfigError>("--format", "got {}, expected text, markdown or csv", quoted(format));
}

}  // namespace symphony
