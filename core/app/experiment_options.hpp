// What the verbs that read an experiment share: options, plugins, the expanded sweep, its plan.
#pragma once

#include <string>
#include <vector>

#include "core/app/command.hpp"
#include "core/sweep/axis.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

/// Declares --exp, --profile, --results, --plugins and the overrides (positional).
void add_experiment_options(boost::program_options::options_description& options, boost::program_options::positional_options_description& positional);

struct LoadedExperiment {
  PluginRegistry registry;
  Sweep sweep;
  std::filesystem::path results;                       ///< absolute
  std::vector<std::filesystem::path> plugin_folders;
};

/// What is not wrong but hardly meant: points that are one run, questions of the report that no run can answer. One line each.
std::vector<std::string> notes_on(const Sweep& sweep);

/// Throws ConfigError for what is wrong with the experiment.
LoadedExperiment load_experiment(const Command& self, const boost::program_options::variables_map& values);
/// Moves the points out of `loaded`.
Plan plan_of(LoadedExperiment& loaded, const std::vector<std::string>& args);

}  // namespace symphony
