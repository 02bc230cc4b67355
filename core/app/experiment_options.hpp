// What the verbs that read an experiment share: options, plugins, the expanded sweep, its plan.
#pragma once

#include <string>
#include <vector>

#include "core/app/command.hpp"
#include "core/sweep/expand.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

/// Declares --exp, --profile, --results, --plugins and the overrides (positional).
void add_experiment_options(boost::program_options::options_description& options, boost::program_options::positional_options_description& positional);

/// The plugins and folders that the options name.
struct ExperimentSetting {
  PluginRegistry registry;
  std::filesystem::path results;                       ///< absolute
  std::vector<std::filesystem::path> plugin_folders;   ///< absolute
};
ExperimentSetting experiment_setting(const boost::program_options::variables_map& values);

struct PlannedExperiment {
  Plan plan;
  SlurmSettings slurm;
  std::vector<std::string> notes;   ///< what is not wrong but hardly meant: points that are one run, questions that no run can answer, vocabularies with gaps
};
/// Expands and plans it. `args` is the command line that the plan remembers.
PlannedExperiment plan_experiment(const Command& self, const boost::program_options::variables_map& values, const ExperimentSetting& setting,
                                  const std::vector<std::string>& args);
/// Throws ConfigError listing the plan's problems, if it has any.
void refuse_problems(const Plan& plan);

}  // namespace symphony
