// runner list: the methods that were found, by category, and the libraries that cannot be used.
#include <iostream>

#include "core/app/command.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace po = boost::program_options;

namespace {

Value entry_value(const PluginEntry& entry) {
  Value value = ValueMap{{"id", entry.id}, {"library", entry.library.string()}, {"library_hash", entry.library_hash}};
  if (entry.header) {
    value.set("revision", static_cast<std::int64_t>(entry.header->revision));
    value.set("summary", entry.header->summary);
    value.set("source", entry.header->source);
  } else {
    value.set("refusal", entry.refusal);
  }
  return value;
}

void print_json(const PluginRegistry& registry) {
  ValueList usable, refused;
  for (const PluginEntry& entry : registry.entries()) (entry.header ? usable : refused).push_back(entry_value(entry));
  std::cout << to_json(ValueMap{{"plugins", std::move(usable)}, {"refused", std::move(refused)}}, 2) << '\n';
}

void print_text(const PluginRegistry& registry) {
  std::size_t id_width = 0;
  for (const PluginEntry& entry : registry.entries()) id_width = std::max(id_width, entry.id.size());
  for (const std::string& category : category_names()) {
    if (registry.names(category).empty()) continue;
    std::cout << category << '\n';
    for (const PluginEntry& entry : registry.entries())
      if (entry.category == category && entry.header)
        std::cout << fmt::format("  {:<{}}  r{:<2} {}\n", entry.id, id_width, entry.header->revision, entry.header->summary);
  }
  bool first = true;
  for (const PluginEntry& entry : registry.entries()) {
    if (entry.header) continue;
    if (first) std::cout << "refused\n";
    first = false;
    std::cout << fmt::format("  {:<{}}  {}: {}\n", entry.id, id_width, entry.library.string(), entry.refusal);
  }
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options;
  add_plugin_option(options);
  options.add_options()("format", po::value<std::string>()->default_value("text")->value_name("NAME"), "text or json");
  const auto values = parse_arguments(self, options, {}, args);
  if (!values) return 0;
  const std::vector<std::string> formats{"text", "json"};
  const auto format = (*values)["format"].as<std::string>();
  if (std::find(formats.begin(), formats.end(), format) == formats.end())
    fail<ConfigError>("runner list", "--format is {}, expected text or json; {}", quoted(format), name_hint(format, formats));
  const auto folders = plugin_folders(*values);
  const auto registry = PluginRegistry::load(folders);
  if (format == "json") print_json(registry);
  else print_text(registry);
  if (registry.entries().empty() && format == "text") {
    std::cout << "no plugins found; sought in:\n";
    for (const auto& folder : folders) std::cout << "  " << folder.string() << '\n';
  }
  return 0;
}

}  // namespace

Command make_list() { return {"list", "[--plugins DIR]... [--format text|json]", "the methods that were found, by category", &run}; }

}  // namespace symphony
