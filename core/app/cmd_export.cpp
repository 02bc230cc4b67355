// runner export RUN: the logged activations of one site as a NumPy archive.
#include "core/app/analysis_script.hpp"
#include "core/app/command.hpp"
#include "core/base/error.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("run", po::value<std::string>(), "results/<experiment>/<run id>")
      ("site", po::value<std::string>()->value_name("NAME"), "a logged site: ffn_in, residual, ...")
      ("moment", po::value<std::string>()->value_name("NAME"), "step_0 or a phase; default: all of the run")
      ("to", po::value<std::string>()->value_name("FILE.npz"), "where to write");
  po::positional_options_description positional;
  positional.add("run", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  for (const char* name : {"run", "site", "to"})
    if (!values->count(name)) fail<ConfigError>("runner export", "expected a run, a site and a file: runner export results/alignment/RUN --site residual --to residual.npz");
  std::vector<std::string> arguments{(*values)["run"].as<std::string>()};
  for (const char* name : {"site", "moment", "to"})
    if (values->count(name)) arguments.insert(arguments.end(), {fmt::format("--{}", name), (*values)[name].as<std::string>()});
  return run_analysis_script("export", "export.py", arguments);
}

}  // namespace

Command make_export() { return {"export", "RUN --site NAME --to FILE.npz", "the logged activations of one site as a NumPy archive", run}; }

}  // namespace symphony
