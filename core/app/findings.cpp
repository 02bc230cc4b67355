// Sentences from paired differences and ranks. A difference counts only when it exceeds what rounding does and stays significant after Holm's
// correction over all questions that the sweep answers. analysis/symphony_results/comparison.py judges by the same rules.
#include "core/app/findings.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/log/layout.hpp"
#include "core/log/run_reader.hpp"
#include "core/pipeline/experiment.hpp"
#include "core/score/estimators.hpp"

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

/// One question of one block, and what was measured.
struct Answer {
  std::string block;
  Question question;
  std::optional<PairedDifference> difference;
  std::vector<double> rounding;   ///< what one ulp in the start did to the baseline, by control and seed
  double p_adjusted = 0.0;        ///< Holm over all answers whose p is known and that are no control; NaN elsewhere

  /// The variant is itself a yardstick of rounding: no hypothesis, so it makes no other answer's correction larger.
  bool is_control() const { return std::find(question.noise.begin(), question.noise.end(), question.variant) != question.noise.end(); }
};

/// Training amplifies rounding, most when a router's choice flips; the largest of some draws of one ulp in the start is the yardstick, doubled
/// because few draws do not show the largest that can happen.
constexpr double kRoundingFactor = 2.0;
constexpr double kSignificance = 0.05;

/// Every question of every block that has its two variants, in that order.
std::vector<Answer> answers_of(const SweepRuns& sweep, const SweepTable& table) {
  std::vector<Answer> answers;
  const MetricChoice& metric = table.metrics.front();
  const auto questions = questions_of(sweep);
  for (const std::string& block : table.blocks)
    for (const Question& question : questions) {
      if (!is_asked(sweep, block, question)) continue;
      Answer answer{block, question, difference_between(sweep, metric, block, question.variant, question.against), {}, std::nan("")};
      for (const std::string& variant : question.noise)
        if (const auto noise = difference_between(sweep, metric, block, variant, table.baseline))
          answer.rounding.insert(answer.rounding.end(), noise->by_seed.begin(), noise->by_seed.end());
      answers.push_back(std::move(answer));
    }
  return answers;
}

/// Sets every p_adjusted; the number of comparisons corrected over.
std::size_t correct(std::vector<Answer>& answers) {
  std::vector<Answer*> family;
  std::vector<double> p_values;
  for (Answer& answer : answers)
    if (answer.difference && !answer.is_control() && !std::isnan(answer.difference->p)) family.push_back(&answer), p_values.push_back(answer.difference->p);
  const auto adjusted = holm_adjusted(p_values);
  for (std::size_t i = 0; i < family.size(); ++i) family[i]->p_adjusted = adjusted[i];
  return family.size();
}

std::string p_text(double p) { return p < 0.001 ? "p < 0.001" : fmt::format("p {:.3f}", p); }

std::string sentence(const Answer& answer, const MetricChoice& metric, std::size_t comparisons) {
  if (!answer.difference) return "not measured yet";
  const PairedDifference& difference = *answer.difference;
  const std::string numbers = fmt::format("{} against {}: {}", answer.question.variant, answer.question.against, interval(difference));
  if (answer.is_control()) return fmt::format("shows rounding: {}", numbers);
  if (std::all_of(difference.by_seed.begin(), difference.by_seed.end(), [](double value) { return value == 0.0; }))
    return fmt::format("identical: {} against {}", answer.question.variant, answer.question.against);
  double rounding = 0.0;
  for (const double value : answer.rounding) rounding = std::max(rounding, std::abs(value));
  const std::string yardstick = answer.rounding.empty() ? "" : fmt::format("; one ulp in the start moves the result by up to {:.1e} ({} draws)", rounding, answer.rounding.size());
  // Every seed, not their mean: differences that cancel are differences.
  const auto is_rounding = [rounding](double value) { return std::abs(value) <= kRoundingFactor * rounding; };
  const bool like_rounding = !answer.rounding.empty() && std::all_of(difference.by_seed.begin(), difference.by_seed.end(), is_rounding);
  if (like_rounding) return fmt::format("no difference beyond rounding: {}{}", numbers, yardstick);
  const std::string found = direction(difference.mean, metric.better);
  if (std::isnan(difference.p)) return fmt::format("{}, by an unknown margin: {}{}", found, numbers, yardstick);
  if (difference.p > kSignificance) return fmt::format("no significant difference: {}, {}", numbers, p_text(difference.p));
  const std::string corrected = comparisons == 1 ? p_text(difference.p)
                                                 : fmt::format("{}, {} corrected for {} comparisons", p_text(difference.p), p_text(answer.p_adjusted), comparisons);
  if (answer.p_adjusted > kSignificance) return fmt::format("{}, but not significantly after correction: {}, {}", found, numbers, corrected);
  return fmt::format("yes, {}: {}, {}{}", found, numbers, corrected, yardstick);
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
    if (const auto value = last_value(row); value && row.block == block && !row.rival) rows.emplace_back(sign * *value, row.full_name());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (const auto& [value, name] : rows) text += fmt::format("{}{} {:.3f}", text.empty() ? "" : ", ", name, sign * value);
  return text;
}

/// Of what the block's variants merge; sources of one variant's own are in the table only.
std::string rivals(const SweepTable& table, const std::string& block) {
  const VariantRow* best_source = nullptr;
  std::string others;
  const double sign = table.metrics.front().better == "higher" ? -1.0 : 1.0;
  for (const VariantRow& row : table.rows) {
    const auto value = last_value(row);
    if (row.block != block || !row.rival || !row.sources_of.empty() || !value) continue;
    const bool is_source = row.name.starts_with("source_");
    if (!is_source) others += fmt::format(", {} {:.3f}", row.name, *value);
    else if (!best_source || sign * *value < sign * *last_value(*best_source)) best_source = &row;
  }
  if (!best_source) return "";
  return fmt::format("best single {} {:.3f}{}", best_source->name, *last_value(*best_source), others);
}

/// Runs of the block whose alignment was meant to change its sources, and by how much it did.
std::string approximate_alignments(const SweepRuns& sweep, const std::string& block) {
  std::string text;
  for (const FinishedRun& run : sweep.runs) {
    if (run.point->block != block) continue;
    if (const auto change = RunReader(run.file).note(layout::kAlignment, layout::kApproximate)) text += fmt::format("  approximate alignment, {}: {}\n", run.point->run_id, *change);
  }
  return text;
}

}  // namespace

std::string findings(const SweepRuns& sweep, const SweepTable& table) {
  std::string text;
  if (table.rows.empty() || table.metrics.empty()) return text;
  auto answers = answers_of(sweep, table);
  const std::size_t comparisons = correct(answers);
  for (const std::string& block : table.blocks) {
    if (!block.empty()) text += fmt::format("{}:\n", block);
    for (const Answer& answer : answers) {
      if (answer.block != block) continue;
      text += fmt::format("  {}\n    {}\n", answer.question.ask, sentence(answer, table.metrics.front(), comparisons));
      if (!answer.question.published.empty()) text += fmt::format("    published: {}\n", answer.question.published);
    }
    const std::string ranked = ranking(table, block);
    if (!ranked.empty()) text += fmt::format("  after {}, {}: {}\n", table.points.back(), table.metrics.front().better == "neither" ? "lowest first" : "best first", ranked);
    const std::string untrained = rivals(table, block);
    if (!untrained.empty()) text += fmt::format("  without any training of a merged model: {}\n", untrained);
    text += approximate_alignments(sweep, block);
  }
  return text;
}

}  // namespace symphony
