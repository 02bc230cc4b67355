// Means, spreads and paired differences of a sweep's runs.
#include "core/app/sweep_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "core/app/paired_windows.hpp"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/score/estimators.hpp"

namespace symphony {

namespace {

/// What rows of a rival say of its moment.
constexpr const char* kGiven = "given";

std::optional<Statistic> statistic(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  const Estimate estimate = mean_of(values);
  Statistic result{estimate.mean, std::nullopt, values.size()};
  if (values.size() > 1) result.spread = estimate.std_error * std::sqrt(static_cast<double>(values.size()));
  return result;
}

/// Values over seeds of one row; runs that lack it do not count.
std::optional<Statistic> over_seeds(std::span<const FinishedRun* const> runs, const std::string& subject, const std::string& moment,
                                    const std::string& task, const std::string& metric) {
  std::vector<double> values;
  for (const FinishedRun* run : runs)
    if (const auto value = run->value(subject, moment, task, metric)) values.push_back(*value);
  return statistic(values);
}

/// One seed: the paired held-out windows; none where the suite recorded none.
std::optional<Estimate> over_windows(const FinishedRun& run, const FinishedRun& other, const MetricChoice& metric) {
  EvaluationRow row;
  row.subject = "model", row.moment = run.moments().back(), row.suite = metric.suite, row.task = metric.task, row.metric = metric.metric;
  return paired_window_difference(RunReader(run.file), RunReader(other.file), row, other.moments().back());
}

/// Of the difference that is shown, with the error over `units`: the rows weigh windows by their bytes and were never rounded to float32, as windows are.
/// Where the windows as stored do not differ among themselves, they tell nothing of a difference smaller than that rounding.
double p_of(double difference, const Estimate& units) {
  return t_test_p(units.std_error > 0.0 ? Estimate{difference, units.std_error, units.n} : units);
}

class TableMaker {
 public:
  TableMaker(const SweepRuns& sweep, SweepTable table) : sweep_(sweep), table_(std::move(table)) {}

  SweepTable make() {
    for (const std::string& block : table_.blocks) {
      for (const std::string& variant : sweep_.variants(block)) table_.rows.push_back(variant_row(block, variant));
      add_rivals(block);
    }
    return std::move(table_);
  }

 private:
  VariantRow variant_row(const std::string& block, const std::string& variant) const {
    const auto runs = sweep_.of(block, variant);
    VariantRow row{block, variant, false, runs.size(), {}, {}};
    for (const MetricChoice& metric : table_.metrics) {
      MetricCells cells;
      for (const std::string& point : table_.points) cells.points.push_back(over_seeds(runs, "model", point, metric.task, metric.metric));
      if (!runs.empty() && metric.task == kInDomain)
        cells.out_of_distribution = over_seeds(runs, "model", runs.front()->moments().back(), kOutOfDistribution, metric.metric);
      if (variant != table_.baseline && !table_.baseline.empty()) cells.difference = difference_between(sweep_, metric, block, variant, table_.baseline);
      row.metrics.push_back(std::move(cells));
    }
    return row;
  }

  /// Sources, ensemble and oracle. They are the same for all variants that merge the same sources, so one run a seed is read of each such group;
  /// a later group adds only what differs from the groups before it.
  void add_rivals(const std::string& block) {
    std::vector<std::string> known_sources;
    const std::size_t first_rival = table_.rows.size();
    for (const std::string& variant : sweep_.variants(block)) {
      const auto runs = sweep_.of(block, variant);
      if (runs.empty()) continue;
      const std::string sources = to_json(merged_models(*runs.front()->point));
      if (std::find(known_sources.begin(), known_sources.end(), sources) != known_sources.end()) continue;
      const bool is_first = known_sources.empty();
      known_sources.push_back(sources);
      for (const std::string& subject : subjects(*runs.front())) {
        VariantRow row = rival_row(block, subject, runs);
        if (!is_first) row.sources_of = variant;
        if (is_first || !is_known(row, first_rival)) table_.rows.push_back(std::move(row));
      }
    }
  }

  Value merged_models(const SweepPoint& point) const {
    const Value config = sweep_.plan.config(point);
    const Value* sources = config.find("sources");
    Value models = ValueMap{};
    for (const char* key : {"models", "use", "base"})
      if (const Value* value = sources ? sources->find(key) : nullptr) models.set(key, *value);
    return models;
  }

  static std::vector<std::string> subjects(const FinishedRun& run) {
    std::vector<std::string> names;
    for (const EvaluationRow& row : run.rows)
      if (row.subject != "model" && std::find(names.begin(), names.end(), row.subject) == names.end()) names.push_back(row.subject);
    return names;
  }

  VariantRow rival_row(const std::string& block, const std::string& subject, std::span<const FinishedRun* const> runs) const {
    VariantRow row{block, subject, true, runs.size(), {}, {}};
    for (const MetricChoice& metric : table_.metrics) {
      MetricCells cells;
      cells.points.assign(table_.points.size(), std::nullopt);
      cells.points.back() = over_seeds(runs, subject, kGiven, metric.task, metric.metric);
      if (metric.task == kInDomain) cells.out_of_distribution = over_seeds(runs, subject, kGiven, kOutOfDistribution, metric.metric);
      row.metrics.push_back(std::move(cells));
    }
    return row;
  }

  /// Whether a rival with these very numbers stands in the block already: the same source, or an ensemble of one.
  bool is_known(const VariantRow& row, std::size_t first_rival) const {
    const auto number = [](const VariantRow& of) { return of.metrics.front().points.back() ? of.metrics.front().points.back()->mean : 0.0; };
    return std::any_of(table_.rows.begin() + static_cast<std::ptrdiff_t>(first_rival), table_.rows.end(),
                       [&](const VariantRow& other) { return other.seeds == row.seeds && number(other) == number(row); });
  }

  const SweepRuns& sweep_;
  SweepTable table_;
};

std::vector<MetricChoice> choose(const std::vector<MetricChoice>& known, const std::vector<std::string>& asked) {
  if (asked.empty()) return {known.begin(), known.begin() + (known.empty() ? 0 : 1)};
  std::vector<std::string> names;
  for (const MetricChoice& choice : known) names.push_back(choice.name());
  std::vector<MetricChoice> chosen;
  for (const std::string& name : asked) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) fail<ConfigError>("--metrics", "no run has {}; {}", quoted(name), name_hint(name, names));
    chosen.push_back(known[static_cast<std::size_t>(found - names.begin())]);
  }
  return chosen;
}

std::string choose_baseline(const SweepRuns& sweep, const std::string& asked) {
  if (asked.empty()) return sweep.plan.baseline;
  std::vector<std::string> variants;
  for (const SweepPoint& point : sweep.plan.points)
    if (std::find(variants.begin(), variants.end(), point.variant) == variants.end()) variants.push_back(point.variant);
  if (std::find(variants.begin(), variants.end(), asked) == variants.end())
    fail<ConfigError>("--baseline", "no variant {}; {}", quoted(asked), name_hint(asked, variants));
  return asked;
}

}  // namespace

std::optional<PairedDifference> difference_between(const SweepRuns& sweep, const MetricChoice& metric, const std::string& block,
                                                   const std::string& variant, const std::string& against) {
  PairedDifference result;
  std::vector<std::pair<const FinishedRun*, const FinishedRun*>> pairs;
  const auto others = sweep.of(block, against);
  for (const FinishedRun* run : sweep.of(block, variant))
    for (const FinishedRun* other : others) {
      if (run->point->seed != other->point->seed) continue;
      const auto left = run->value("model", run->moments().back(), metric.task, metric.metric);
      const auto right = other->value("model", other->moments().back(), metric.task, metric.metric);
      if (!left || !right) continue;
      result.by_seed.push_back(*left - *right);
      pairs.emplace_back(run, other);
    }
  if (pairs.empty()) return std::nullopt;
  result.seeds = pairs.size();
  const Estimate over_seeds = mean_of(result.by_seed);
  result.mean = over_seeds.mean;
  const auto units = result.seeds > 1 ? std::optional(over_seeds) : over_windows(*pairs.front().first, *pairs.front().second, metric);
  result.half_width = units ? half_width(*units) : std::numeric_limits<double>::quiet_NaN();
  result.p = units ? p_of(result.mean, *units) : std::numeric_limits<double>::quiet_NaN();
  return result;
}

SweepTable make_table(const SweepRuns& sweep, const TableRequest& request) {
  SweepTable table;
  table.experiment = sweep.plan.experiment;
  table.baseline = choose_baseline(sweep, request.baseline);
  table.blocks = sweep.blocks();
  if (sweep.runs.empty()) return table;
  table.metrics = choose(sweep.metrics(), request.metrics);
  if (table.metrics.empty()) return table;
  std::set<std::int64_t> seeds;
  for (const FinishedRun& run : sweep.runs) {
    seeds.insert(run.point->seed);
    if (run.moments().size() > table.points.size()) table.points = run.moments();  // dense variants skip the router's phase
  }
  table.seeds.assign(seeds.begin(), seeds.end());
  return TableMaker(sweep, std::move(table)).make();
}

std::string table_caption(const SweepTable& table) {
  std::string seeds, metrics;
  for (const std::int64_t seed : table.seeds) seeds += fmt::format("{}{}", seeds.empty() ? "" : ", ", seed);
  for (const MetricChoice& metric : table.metrics) {
    const std::string over = metric.task == kInDomain ? ", mean over the in-domain domains" : metric.task == kMeanOverLayers ? ", mean over layers" : "";
    metrics += fmt::format("{}{}{}", metrics.empty() ? "" : "; ", metric.name(), over);
    if (metric.better != "neither") metrics += fmt::format(" ({} is better)", metric.better);
  }
  const bool many = table.seeds.size() > 1;
  return fmt::format("{}: {}; {}. Seed{} {}{}. Names in parentheses: nothing was trained for them.\n", table.experiment, metrics,
                     table.metrics.size() > 1 ? "after the last point of the model's life" : "after each point of the model's life", many ? "s" : "", seeds,
                     many ? "; +- is the standard deviation over n seeds, of a difference the 95 % t interval over the seeds that both have; beside it the seeds' own differences"
                          : " (one: spread unknown); +- of a difference is its 95 % t interval over paired held-out windows");
}

}  // namespace symphony
