// runner report DIR: one HTML page about a sweep.
#include "core/app/analysis_script.hpp"
#include "core/app/command.hpp"
#include "core/base/error.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("dir", po::value<std::string>(), "results/<experiment>")
      ("against", po::value<std::string>()->value_name("DIR"), "another sweep's folder: compare the two")
      ("metric", po::value<std::string>()->value_name("NAME"), "an in-domain metric of the evaluation rows; default: the first that has a direction")
      ("to", po::value<std::string>()->value_name("FILE"), "where to write; default: DIR/report.html");
  po::positional_options_description positional;
  positional.add("dir", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("dir")) fail<ConfigError>("runner report", "expected the folder of a sweep: runner report results/alignment");
  std::vector<std::string> arguments{(*values)["dir"].as<std::string>()};
  for (const char* name : {"against", "metric", "to"})
    if (values->count(name)) arguments.insert(arguments.end(), {fmt::format("--{}", name), (*values)[name].as<std::string>()});
  return run_analysis_script("report", "report.py", arguments);
}

}  // namespace

Command make_report() { return {"report", "DIR [options]", "one HTML page about a sweep: answers, numbers, figures, provenance", run}; }

}  // namespace symphony
