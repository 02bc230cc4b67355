// runner check: validates every key of every sweep point and reports all mistakes, also text and checkpoints that are not there; touches no
// model.
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
  const ExperimentSetting setting = experiment_setting(*values);
  const auto [plan, slurm, notes] = plan_experiment(self, *values, setting, args);
  for (const std::string& line : notes) fmt::print("note: {}\n", line);
  refuse_problems(plan);
  fmt::print("{}: {} runs, no mistakes\n", plan.experiment, plan.points.size());
  return 0;
}

}  // namespace

Command make_check() { return {"check", "--exp FILE [key=value ...]", "report every mistake in an experiment", run}; }

}  // namespace symphony
