// runner diff RUN RUN: what tells two runs apart, in their settings, in the stages that they do not share, and in their numbers.
#include <algorithm>
#include <cstdio>

#include "core/app/command.hpp"
#include "core/app/run_diff.hpp"
#include "core/base/error.hpp"
#include "core/base/table.hpp"
#include "core/base/text.hpp"
#include "core/config/document.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

constexpr std::size_t kShownKeyDigits = 12;

/// The run.h5 that a word on the command line means: the file, or the folder that holds it.
fs::path run_file(const fs::path& given) {
  const fs::path file = fs::is_directory(given) ? given / "run.h5" : given;
  if (fs::is_regular_file(file)) return file;
  if (fs::is_directory(given)) fail<DataError>(given.string(), "no run.h5 here; expected the folder of a run that was started");
  std::vector<std::string> siblings;
  const fs::path parent = given.has_parent_path() ? given.parent_path() : fs::path(".");
  if (fs::is_directory(parent))
    for (const fs::directory_entry& entry : fs::directory_iterator(parent))
      if (fs::exists(entry.path() / "run.h5")) siblings.push_back(entry.path().filename().string());
  std::sort(siblings.begin(), siblings.end());
  fail<DataError>(given.string(), "no run here; expected a run's folder or its run.h5; {}", name_hint(given.filename().string(), siblings));
}

void print_settings(const RunReader& left, const RunReader& right) {
  const auto config = [](const RunReader& run) { return parse_document(run.config(), "the resolved configuration").value(); };
  const auto differences = setting_differences(config(left), config(right));
  if (differences.empty()) {
    fmt::print("settings: the same\n");
    return;
  }
  Table table({"setting", "left", "right"}, {Table::Align::left, Table::Align::left, Table::Align::left});
  for (const SettingDifference& entry : differences) table.add_row({entry.path, entry.left.empty() ? "-" : entry.left, entry.right.empty() ? "-" : entry.right});
  fmt::print("{}", table.text());
}

void print_stages(const RunReader& left, const RunReader& right) {
  const auto stages = left.stages(), others = right.stages();
  const auto differences = stage_differences(stages, others);
  std::size_t only_left = 0;
  for (const StageDifference& entry : differences) only_left += entry.left.empty() ? 0 : 1;
  fmt::print("\nstages: {} shared, {} differ\n", stages.size() - only_left, differences.size());
  if (differences.empty()) return;
  Table table({"stage", "left", "right"}, {Table::Align::left, Table::Align::left, Table::Align::left});
  const auto shown = [](const std::string& key) { return key.empty() ? "-" : key.substr(0, kShownKeyDigits); };
  for (const StageDifference& entry : differences) table.add_row({entry.name, shown(entry.left), shown(entry.right)});
  fmt::print("{}", table.text());
}

std::string interval(const NumberDifference& entry) {
  if (!entry.half_width) return "unknown";
  return fmt::format("{:.2g}{}", *entry.half_width, entry.paired ? " paired" : "");
}

void print_numbers(const RunReader& left, const RunReader& right, bool all) {
  const auto differences = number_differences(left, right);
  const auto is_equal = [](const NumberDifference& entry) { return entry.left.value == entry.right.value; };
  Table table({"subject", "at", "task", "metric", "left", "right", "right - left", "+-"}, {Table::Align::left, Table::Align::left, Table::Align::left, Table::Align::left});
  for (const NumberDifference& entry : all ? differences : summing_up(differences)) {
    const EvaluationRow& row = entry.left;
    table.add_row({row.subject, row.moment, row.task, row.metric, fmt::format("{:.6g}", row.value), fmt::format("{:.6g}", entry.right.value),
                   fmt::format("{:+.3g}", entry.difference), interval(entry)});
  }
  fmt::print("\nnumbers: {} of {} that both have are equal to the last bit; {} only left, {} only right\n",
             std::count_if(differences.begin(), differences.end(), is_equal), differences.size(), left.evaluation().size() - differences.size(),
             right.evaluation().size() - differences.size());
  if (table.num_rows() == 0) return;
  fmt::print("{}+-: half of the 95 % interval, over the held-out windows of both runs where paired, otherwise from both rows' own errors. One run a\n"
             "side: how much either would move under another seed is unknown.\n", table.text());
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("runs", po::value<std::vector<std::string>>(), "two runs")
      ("all", "every number, not only the model's averages and single tasks");
  po::positional_options_description positional;
  positional.add("runs", 2);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  const auto given = values->count("runs") ? (*values)["runs"].as<std::vector<std::string>>() : std::vector<std::string>{};
  if (given.size() != 2) fail<ConfigError>("runner diff", "expected two runs, got {}: runner diff results/alignment/RUN results/alignment/RUN", given.size());
  const RunReader left(run_file(given[0])), right(run_file(given[1]));
  for (const auto& [side, run] : {std::pair{"left ", &left}, std::pair{"right", &right}}) fmt::print("{}  {} ({})\n", side, run->summary().run_id, run->summary().status);
  fmt::print("\n");
  print_settings(left, right);
  print_stages(left, right);
  print_numbers(left, right, values->count("all") > 0);
  return 0;
}

}  // namespace

Command make_diff() { return {"diff", "RUN RUN [--all]", "what tells two runs apart: settings, stages, numbers", run}; }

}  // namespace symphony
