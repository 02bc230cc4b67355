// runner check: validates every key of every sweep point and reports all mistakes; touches no model and no text.
#include <iostream>

#include "core/app/command.hpp"
#include "core/app/experiment_options.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  po::positional_options_description positional;
  add_experiment_options(options, positional);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  const LoadedExperiment loaded = load_experiment(self, *values);
  for (const std::string& line : notes_on(loaded.sweep)) fmt::print("note: {}\n", line);
  fmt::print("{}: {} runs, no mistakes\n", loaded.sweep.name, loaded.sweep.points.size());
  return 0;
}

}  // namespace

Command make_check() { return {"check", "--exp FILE [key=value ...]", "report every mistake in an experiment", run}; }

}  // namespace symphony
