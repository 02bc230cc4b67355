// runner table DIR: the numbers of a sweep side by side, and what they say.
#include <cstdio>

#include "core/app/command.hpp"
#include "core/app/findings.hpp"
#include "core/app/sweep_table.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

/// What stands above a table that is kept: how it was made.
std::string provenance_lines(const SweepRuns& sweep) {
  std::string text = fmt::format("# {}\n\n", sweep.plan.experiment);
  if (!sweep.plan.about.empty()) text += sweep.plan.about + "\n\n";
  text += fmt::format("Command: `{}`  \nSource revision: `{}` ({})  \n", join(sweep.plan.command_line, " "), sweep.plan.git_revision, sweep.plan.git_state);
  text += "Runs: ";
  for (const FinishedRun& run : sweep.runs) text += fmt::format("{}`{}`", &run == &sweep.runs.front() ? "" : ", ", run.point->run_id);
  return text + "\n\n";
}

int run_table(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("dir", po::value<std::string>(), "results/<experiment>")
      ("metric", po::value<std::string>()->default_value("bits_per_byte"), "an in-domain metric of the evaluation rows")
      ("baseline", po::value<std::string>()->default_value(""), "variant that others are compared with; default: the experiment's")
      ("format", po::value<std::string>()->default_value("text"), "text, markdown or csv")
      ("write", po::value<std::string>(), "write markdown with provenance and findings to this file");
  po::positional_options_description positional;
  positional.add("dir", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("dir")) fail<ConfigError>("runner table", "expected the folder of a sweep: runner table results/alignment");
  const auto sweep = read_sweep((*values)["dir"].as<std::string>());
  const SweepTable table = make_table(*sweep, (*values)["metric"].as<std::string>(), (*values)["baseline"].as<std::string>());
  fmt::print("{}\n{}", format_table(table, (*values)["format"].as<std::string>()), findings(*sweep, table));
  for (const std::string& run : table.unfinished) fmt::print(stderr, "no result: {}\n", run);
  if (values->count("write"))
    atomic_write((*values)["write"].as<std::string>(),
                 provenance_lines(*sweep) + table_caption(table) + "\n" + format_table(table, "markdown") + "\n```\n" + findings(*sweep, table) + "```\n");
  return 0;
}

}  // namespace

Command make_table_command() { return {"table", "DIR [options]", "compare the runs of a sweep", run_table}; }

}  // namespace symphony
