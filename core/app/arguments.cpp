// What the verbs share of reading a command line: Boost.Program_options with our messages.
#include <iostream>

#include "core/app/command.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace po = boost::program_options;

namespace {

std::vector<std::string> option_names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back("--" + option->long_name());
  return names;
}

/// `options` without those that only give a name to positional words.
po::options_description shown(const po::options_description& options, const po::positional_options_description& positional) {
  po::options_description result("options", 110, 55);
  for (const auto& option : options.options()) {
    bool is_positional = false;
    const unsigned limit = std::min(positional.max_total_count(), 16u);
    for (unsigned place = 0; place < limit; ++place) is_positional |= positional.name_for_position(place) == option->long_name();
    if (!is_positional) result.add(option);
  }
  return result;
}

}  // namespace

std::optional<po::variables_map> parse_arguments(const Command& command, const po::options_description& options,
                                                 const po::positional_options_description& positional, const std::vector<std::string>& args) {
  const std::string where = "runner " + command.name;
  po::options_description all;
  all.add(options).add_options()("help,h", "print this and stop");
  // Abbreviations are refused: an option added later would change what they mean.
  const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
  po::variables_map values;
  try {
    po::store(po::command_line_parser(args).options(all).positional(positional).style(style).run(), values);
    if (values.count("help")) {
      std::cout << "usage: runner " << command.name << ' ' << command.usage << "\n\n" << command.summary << "\n\n" << shown(all, positional);
      return std::nullopt;
    }
    po::notify(values);
  } catch (const po::unknown_option& error) {
    fail<ConfigError>(where, "unknown option {}; {}", quoted(error.get_option_name()), name_hint(error.get_option_name(), option_names(all)));
  } catch (const po::error& error) {
    fail<ConfigError>(where, "{} (see runner {} --help)", error.what(), command.name);
  }
  return values;
}

void add_plugin_option(po::options_description& options) {
  options.add_options()("plugins", po::value<std::vector<std::string>>()->value_name("DIR"),
                        "a folder of <category>/<name>.so, sought before SYMPHONY_PLUGIN_PATH and the runner's own; may be repeated");
}

std::vector<std::filesystem::path> plugin_folders(const po::variables_map& values) {
  std::vector<std::filesystem::path> given;
  if (values.count("plugins"))
    for (const std::string& folder : values["plugins"].as<std::vector<std::string>>()) given.emplace_back(folder);
  return PluginRegistry::search_path(given);
}

}  // namespace symphony
