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
  const std::string basis = difference.seeds > 1 ? fmt::format("95 % t interval over {} seeds", difference.seeds)
                                                 : "95 % interval over windows, one seed: the spread over seeds is unknown";
  const bool tiny = std::abs(difference.mean) < 5e-4;  // must not print as zero
  const std::string number = tiny ? fmt::format("{:+.1e} +- {:.0e}", difference.mean, difference.half_width)
                                  : fmt::format("{:+.4f} +- {:.4f}", difference.mean, difference.half_width);
  return fmt::format("{} ({})", number, basis);
}

/// Whether the sweep compares the two in this block at all.
bool is_asked(const SweepRuns& sweep, const std::string& block, const Question& question) {
  const auto variants = sweep.variants(block);
  const auto has = [&variants](const std::string& name) { return std::find(variants.begin(), variants.end(), name) != variants.end(); };
  return has(question.variant) && has(question.against);
}

std::string answer(const SweepRuns& sweep, const SweepTable& table, const std::string& block, const Question& question) {
  const auto difference = difference_between(sweep, table.metric, block, question.variant, question.against);
  if (!difference) return "not measured yet";
  double rounding = 0.0;
  std::size_t draws = 0;
  for (const std::string& variant : question.noise)
    if (const auto noise = difference_between(sweep, table.metric, block, variant, question.against))
      for (const double value : noise->by_seed) rounding = std::max(rounding, std::abs(value)), ++draws;
  const bool excludes_zero = std::abs(difference->mean) > difference->half_width;
  const std::string numbers = fmt::format("{} against {}: {}", question.variant, question.against, interval(*difference));
  // Training amplifies rounding, most when a router's choice flips; the largest of some draws of one ulp in the start is the yardstick,
  // doubled because few draws do not show the largest that can happen.
  const std::string yardstick = draws == 0 ? "" : fmt::format("; one ulp in the start moves the result by up to {:.1e} ({} draws)", rounding, draws);
  const bool like_rounding = draws > 0 && std::abs(difference->mean) <= 2.0 * rounding;
  if (like_rounding) return fmt::format("no difference beyond rounding: {}{}", numbers, yardstick);
  if (!excludes_zero) return fmt::format("no significant difference: {}", numbers);
  const bool better = difference->mean < 0.0;
  return fmt::format("yes, {}: {}{}", better ? "better" : "worse", numbers, yardstick);
}

/// "a 2.704, b 2.760, ...": variants by their last value, best first.
std::string ranking(const SweepTable& table, const std::string& block) {
  std::vector<const TableRow*> rows;
  for (const TableRow& row : table.rows)
    if (row.block == block && !row.rival && !row.points.empty() && row.points.back()) rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), [](const TableRow* a, const TableRow* b) { return a->points.back()->mean < b->points.back()->mean; });
  std::string text;
  for (const TableRow* row : rows) text += fmt::format("{}{} {:.3f}", text.empty() ? "" : ", ", row->name, row->points.back()->mean);
  return text;
}

std::string rivals(const SweepTable& table, const std::string& block) {
  const TableRow* best_source = nullptr;
  std::string others;
  for (const TableRow& row : table.rows) {
    if (row.block != block || !row.rival || !row.points.back()) continue;
    const bool is_source = row.name.starts_with("source_");
    if (!is_source) others += fmt::format(", {} {:.3f}", row.name, row.points.back()->mean);
    else if (!best_source || row.points.back()->mean < best_source->points.back()->mean) best_source = &row;
  }
  if (!best_source) return "";
  return fmt::format("best single {} {:.3f}{}", best_source->name, best_source->points.back()->mean, others);
}

}  // namespace

std::string findings(const SweepRuns& sweep, const SweepTable& table) {
  std::string text;
  if (table.rows.empty()) return text;
  const auto questions = questions_of(sweep);
  for (const std::string& block : table.blocks) {
    if (!block.empty()) text += fmt::format("{}:\n", block);
    for (const Question& question : questions) {
      if (!is_asked(sweep, block, question)) continue;
      text += fmt::format("  {}\n    {}\n", question.ask, answer(sweep, table, block, question));
      if (!question.published.empty()) text += fmt::format("    published: {}\n", question.published);
    }
    const std::string ranked = ranking(table, block);
    if (!ranked.empty()) text += fmt::format("  after post-training, best first: {}\n", ranked);
    const std::string untrained = rivals(table, block);
    if (!untrained.empty()) text += fmt::format("  without any training of a merged model: {}\n", untrained);
  }
  return text;
}

}  // namespace symphony
