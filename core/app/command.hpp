// The verbs of the runner. Each cmd_<verb>.cpp defines one make_<verb>(), main.cpp lists them: growth of that list is a decision.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "core/plugin/registry.hpp"

namespace symphony {

struct Command {
  std::string name;
  std::string usage;    ///< what follows the verb: "[options] ID"
  std::string summary;  ///< one line
  /// `args` is what follows the verb. Returns the exit status; errors are thrown.
  int (*run)(const Command& self, const std::vector<std::string>& args) = nullptr;
};

Command make_check();
Command make_describe();
Command make_diff();
Command make_export();
Command make_generate();
Command make_list();
Command make_plan_command();
Command make_prune();
Command make_report();
Command make_run();
Command make_status();
Command make_table_command();

/// The values of `options` in `args`, or nothing after --help, which prints usage, summary and options. `positional` says which option takes
/// the words without a dash. Throws ConfigError for anything else, with the nearest option.
std::optional<boost::program_options::variables_map> parse_arguments(
    const Command& command, const boost::program_options::options_description& options,
    const boost::program_options::positional_options_description& positional, const std::vector<std::string>& args);

/// Declares --plugins, which may be given more than once.
void add_plugin_option(boost::program_options::options_description& options);
/// Where plugins are sought: --plugins, the environment, beside the runner.
std::vector<std::filesystem::path> plugin_folders(const boost::program_options::variables_map& values);

}  // namespace symphony
