// runner table DIR: the numbers of a sweep side by side, and what they say.
#include <cstdio>

#include "core/app/command.hpp"
#include "core/app/findings.hpp"
#include "core/app/run_states.hpp"
#include "core/app/table_formats.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

/// The command without where it put its results, which changes no number and is nobody else's folder.
std::string reproducing_command(const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (std::size_t index = 0; index < words.size(); ++index) {
    if (words[index] == "--results") ++index;
    else if (!words[index].starts_with("--results=")) kept.push_back(words[index]);
  }
  return command_text(kept);
}

/// What stands above a table that is kept: how it was made.
std::string provenance_lines(const SweepRuns& sweep) {
  std::string text = fmt::format("# {}\n\n", sweep.plan.experiment);
  if (!sweep.plan.about.empty()) text += sweep.plan.about + "\n\n";
  text += fmt::format("Command: `{}`  \nSource revision: `{}` ({})  \n", reproducing_command(sweep.plan.command_line), sweep.plan.git_revision, sweep.plan.git_state);
  text += "Runs: ";
  for (const FinishedRun& run : sweep.runs) text += fmt::format("{}`{}`", &run == &sweep.runs.front() ? "" : ", ", run.point->run_id);
  return text + "\n\n";
}

/// Runs that the table does not show, and why.
void print_missing(const SweepRuns& sweep, const std::filesystem::path& folder) {
  for (const std::string& run : sweep.unfinished) fmt::print(stderr, "no result: {}\n", run);
  const auto others = runs_not_in_plan(sweep.plan, folder).size();
  if (others) fmt::print(stderr, "{} run{} of this folder {} not in the plan (see runner status)\n", others, others == 1 ? "" : "s", others == 1 ? "is" : "are");
}

int run_table(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("dir", po::value<std::string>(), "results/<experiment>")
      ("metrics", po::value<std::string>()->default_value("")->value_name("A,B"), "what the suites measured, such as bits_per_byte or code/bits_per_byte; default: the first that has a direction")
      ("baseline", po::value<std::string>()->default_value("")->value_name("VARIANT"), "what others are compared with; default: the experiment's")
      ("sort", po::value<std::string>()->value_name("COLUMN"), "order the rows of every block by a column, the best first; 'difference' is short for that column")
      ("format", po::value<std::string>()->default_value("text")->value_name("NAME"), "text, markdown, csv or json; the last two hold numbers alone")
      ("write", po::value<std::string>()->value_name("FILE"), "write markdown with provenance and findings to this file");
  po::positional_options_description positional;
  positional.add("dir", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("dir")) fail<ConfigError>("runner table", "expected the folder of a sweep: runner table results/alignment");
  const auto word = [&](const char* name) { return (*values)[name].as<std::string>(); };
  const std::string format = word("format");
  if (std::find(table_formats().begin(), table_formats().end(), format) == table_formats().end())
    fail<ConfigError>("--format", "got {}, expected text, markdown, csv or json; {}", quoted(format), name_hint(format, table_formats()));
  const std::filesystem::path folder = word("dir");
  const auto sweep = read_sweep(folder);
  TableRequest request{{}, word("baseline")};
  if (!word("metrics").empty()) request.metrics = split(word("metrics"), ',');
  SweepTable table = make_table(*sweep, request);
  if (values->count("sort")) sort_rows(table, word("sort"));
  const bool for_reading = format == "text" || format == "markdown";
  if (table.metrics.empty()) {
    const char* const lack = sweep->runs.empty() ? "no run is finished yet" : "no finished run has been evaluated";
    if (!for_reading || values->count("write")) fail<DataError>(folder.string(), "{}, so there is no table to make", lack);
    fmt::print("{}: {}\n", table.experiment, lack);
    print_missing(*sweep, folder);
    return 0;
  }
  if (for_reading) fmt::print("{}\n", table_caption(table));
  fmt::print("{}", format_table(table, format));
  if (for_reading) fmt::print("\n{}", findings(*sweep, table));
  print_missing(*sweep, folder);
  if (values->count("write"))
    atomic_write(word("write"), provenance_lines(*sweep) + table_caption(table) + "\n" + format_table(table, "markdown") + "\n```\n" + findings(*sweep, table) + "```\n");
  return 0;
}

}  // namespace

Command make_table_command() { return {"table", "DIR [options]", "compare the runs of a sweep", run_table}; }

}  // namespace symphony
