// Sentences from paired differences and ranks. A difference counts only when its interval excludes zero and it exceeds what rounding does.
#include "core/app/findings.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/pipeline/experiment.hpp"

namespace symphony {

namespace {

std::vector<Question> questions_of(const SweepRuns& sweep) {
  const Value config = sweep.plan.config(sweep.plan.points.front());
  const Value* report = config.find("report");
  std::vector<Question> questions;
  if (!report) return questions;
  for (const Value& entry : report->as_list()) questions.push_back(from_value<Question>(entry, "report"));
  return questions;
}

std::string interval(const PairedDifference& difference) {
  const bool many = difference.seeds > 1;
  const bool tiny = std::abs(difference.mean) < 5e-4;  // must not print as zero
  if (std::isnan(difference.half_width)) return fmt::format("{:+.4g} (spread unknown)", difference.mean);
  const std::string basis = many ? fmt::format("95 % t interval over {} seeds", difference.seeds)
                                 : "95 % interval over windows, one seed: the spread over seeds is unknown";
  const std::string number = tiny ? fmt::format("{:+.1e} +- {:.0e}", difference.mean, difference.half_width)
                                  : fmt::format("{:+.4f} +- {:.4f}", difference.mean, difference.half_width);
  return fmt::format("{} ({})", number, basis);
}

/// "better", "worse", or for a metric without a direction "higher", "lower".
std::string direction(double difference, const std::string& better) {
  if (better == "neither") return difference > 0.0 ? "higher" : "lower";
  return (difference < 0.0) == (better == "lower") ? "better" : "worse";
}

/// Whether the sweep compares the two in this block at all.
bool is_asked(const SweepRuns& sweep, const std::string& block, const Question& question) {
  const auto variants = sweep.variants(block);
  const auto has = [&variants](const std::string& name) { return std::find(variants.begin(), variants.end(), name) != variants.end(); };
  return has(question.variant) && has(question.against);
}

std::string answer(const SweepRuns& sweep, const MetricChoice& metric, const std::string& block, const Question& question) {
  const auto difference = difference_between(sweep, metric, block, question.variant, question.against);
  if (!difference) return "not measured yet";
  double rounding = 0.0;
  std::size_t draws = 0;
  for (const std::string& variant : question.noise)
    if (const auto noise = difference_between(sweep, metric, block, variant, question.against))
      for (const double value : noise->by_seed) rounding = std::max(rounding, std::abs(value)), ++draws;
  const std::string numbers = fmt::format("{} against {}: {}", question.variant, question.against, interval(*difference));
  // Training amplifies rounding, most when a router's choice flips; the largest of some draws of one ulp in the start is the yardstick,
  // doubled because few draws do not show the largest that can happen.
  const std::string yardstick = draws == 0 ? "" : fmt::format("; one ulp in the start moves the result by up to {:.1e} ({} draws)", rounding, draws);
  const bool like_rounding = draws > 0 && std::abs(difference->mean) <= 2.0 * rounding;
  if (like_rounding) return fmt::format("no difference beyond rounding: {}{}", numbers, yardstick);
  const std::string found = direction(difference->mean, metric.better);
  if (std::isnan(difference->half_width)) return fmt::format("{}, by an unknown margin: {}{}", found, numbers, yardstick);
  if (std::abs(difference->mean) <= difference->half_width) return fmt::format("no significant difference: {}", numbers);
  return fmt::format("yes, {}: {}{}", found, numbers, yardstick);
}

/// The leading metric at the last point; none for what was not measured.
std::optional<double> last_value(const VariantRow& row) {
  const auto& value = row.metrics.front().points.back();
  return value ? std::optional(value->mean) : std::nullopt;
}

/// "a 2.704, b 2.760, ...": variants by their last value, best first.
std::string ranking(const SweepTable& table, const std::string& block) {
  std::vector<std::pair<double, std::string>> rows;
  const double sign = table.metrics.front().better == "higher" ? -1.0 : 1.0;
  for (const VariantRow& row : table.rows)
    if (const auto value = last_value(row); value && row.block == block && !row.rival) rows.emplace_back(sign * *value, row.name);
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [value, name] : rows) text += fmt::format("{}{} {:.3f}", text.empty() ? "" : ", ", name, sign * value);
  return text;
}

std::string rivals(const SweepTable& table, const std::string& block) {
  const VariantRow* best_source = nullptr;
  std::string others;
  const double sign = table.metrics.front().better == "higher" ? -1.0 : 1.0;
  for (const VariantRow& row : table.rows) {
    const auto value = last_value(row);
    if (row.block != block || !row.rival || !value) continue;
    const bool is_source = row.name.starts_with("source_");
    if (!is_source) others += fmt::format(", {} {:.3f}", row.name, *value);
    else if (!best_source || sign * *value < sign * *last_value(*best_source)) best_source = &row;
  }
  if (!best_source) return "";
  return fmt::format("best single {} {:.3f}{}", best_source->name, *last_value(*best_source), others);
}

}  // namespace

std::string findings(const SweepRuns& sweep, const SweepTable& table) {
  std::string text;
  if (table.rows.empty() || table.metrics.empty()) return text;
  const auto questions = questions_of(sweep);
  for (const std::string& block : table.blocks) {
    if (!block.empty()) text += fmt::format("{}:\n", block);
    for (const Question& question : questions) {
      if (!is_asked(sweep, block, question)) continue;
      text += fmt::format("  {}\n    {}\n", question.ask, answer(sweep, table.metrics.front(), block, question));
      if (!question.published.empty()) text += fmt::format("    published: {}\n", question.published);
    }
    const std::string ranked = ranking(table, block);
    if (!ranked.empty()) text += fmt::format("  after {}, {}: {}\n", table.points.back(), table.metrics.front().better == "neither" ? "lowest first" : "best first", ranked);
    const std::string untrained = rivals(table, block);
    if (!untrained.empty()) text += fmt::format("  without any training of a merged model: {}\n", untrained);
  }
  return text;
}

}  // namespace symphony
