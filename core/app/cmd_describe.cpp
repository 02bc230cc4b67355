// runner describe ID: what a method is, where it comes from, its parameters, and how an experiment asks for it.
#include <iostream>

#include "core/app/command.hpp"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace po = boost::program_options;

namespace {

/// The place of a category in an experiment file: keys from the root; `in_list` when they lead to a list of methods.
struct ExperimentKey {
  const char* category;
  std::vector<std::string> path;
  bool in_list = false;
  const char* remark = "";
};

const ExperimentKey& experiment_key(std::string_view category) {
  static const std::vector<ExperimentKey> keys{
      {"alignment", {"alignment"}},
      {"fusion", {"fusion", "attention"}, false, "one method for each of embedding, attention, norm, lm_head, ffn"},
      {"experts", {"experts"}},
      {"router", {"router"}},
      {"router_init", {"router", "init"}},
      {"edit", {"edits"}, true, "applied in the order listed"},
      {"eval", {"eval"}, true, "measured in the order listed"},
  };
  for (const ExperimentKey& key : keys)
    if (category == key.category) return key;
  fail<PluginError>("runner describe", "category '{}' has no key in an experiment", category);
}

/// "0 to 1", "at least 1", "none | unit"
std::string allowed_text(const FieldInfo& field) {
  if (!field.choices.empty()) return join(field.choices, " | ");
  if (field.minimum && field.maximum) return fmt::format("{} to {}", *field.minimum, *field.maximum);
  if (field.minimum) return fmt::format("at least {}", *field.minimum);
  if (field.maximum) return fmt::format("at most {}", *field.maximum);
  return field.category.empty() ? "" : field.category + " method";
}

using Row = std::vector<std::string>;

void collect_rows(const Schema& schema, const std::string& prefix, std::vector<Row>& rows) {
  for (const FieldInfo& field : schema.fields()) {
    const std::string default_text = field.required ? "(required)" : field.nested ? "" : to_json(field.default_value);
    rows.push_back({prefix + field.name, field.type, default_text, allowed_text(field), field.unit, field.doc});
    if (field.nested) collect_rows(*field.nested, prefix + field.name + ".", rows);
  }
}

void print_parameters(const Schema& schema) {
  std::vector<Row> rows{{"name", "type", "default", "allowed", "unit", "meaning"}};
  collect_rows(schema, "", rows);
  if (rows.size() == 1) {
    std::cout << "parameters: none\n";
    return;
  }
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (std::size_t column = 0; column < widths.size(); ++column) {
    for (std::size_t row_idx = 1; row_idx < rows.size(); ++row_idx) widths[column] = std::max(widths[column], rows[row_idx][column].size());
    if (widths[column] > 0) widths[column] = std::max(widths[column], rows.front()[column].size());
  }
  std::cout << "parameters:\n";
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column)
      if (widths[column] > 0) line += fmt::format("  {:<{}}", row[column], widths[column]);
    std::cout << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  }
}

void print_example(const PluginEntry& entry, const Schema& schema) {
  const ExperimentKey& key = experiment_key(entry.category);
  std::string method = entry.name;
  if (!schema.fields().empty()) {
    std::vector<std::string> parts{"method: " + entry.name};
    for (const FieldInfo& field : schema.fields()) parts.push_back(field.name + ": " + (field.required ? "..." : to_json(field.default_value)));
    method = "{ " + join(parts, ", ") + " }";
  }
  std::cout << "in an experiment, under " << path_text(key.path);
  if (*key.remark) std::cout << " (" << key.remark << ")";
  std::cout << ":\n";
  std::string indent = "  ";
  for (std::size_t depth = 0; depth + 1 < key.path.size(); ++depth) {
    std::cout << indent << key.path[depth] << ":\n";
    indent += "  ";
  }
  if (key.in_list) std::cout << indent << key.path.back() << ":\n" << indent << "  - " << method << '\n';
  else std::cout << indent << key.path.back() << ": " << method << '\n';
}

/// Unknown ids are compared with all ids, so that a wrong category is found as well as a wrong name.
const PluginEntry& find_id(const PluginRegistry& registry, const std::string& id) {
  std::vector<std::string> ids;
  for (const PluginEntry& entry : registry.entries()) {
    if (entry.id == id) return registry.find(entry.category, entry.name);
    ids.push_back(entry.id);
  }
  for (const PluginEntry& entry : registry.entries())
    if (entry.name == id) fail<ConfigError>("runner describe", "unknown method {}; did you mean '{}'?", quoted(id), entry.id);
  fail<ConfigError>("runner describe", "unknown method {}; {}", quoted(id), name_hint(id, ids));
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options;
  add_plugin_option(options);
  options.add_options()("id", po::value<std::string>(), "category.name");
  po::positional_options_description positional;
  positional.add("id", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("id")) fail<ConfigError>("runner describe", "expected one id, category.name (see runner list)");
  const auto registry = PluginRegistry::load(plugin_folders(*values));
  const PluginEntry& entry = find_id(registry, (*values)["id"].as<std::string>());
  const auto schema = entry.header->schema();
  std::cout << entry.id << ": " << entry.header->summary << '\n'
            << "source: " << entry.header->source << '\n'
            << "revision: " << entry.header->revision << '\n'
            << "library: " << entry.library.string() << '\n';
  print_parameters(*schema);
  print_example(entry, *schema);
  return 0;
}

}  // namespace

Command make_describe() { return {"describe", "CATEGORY.NAME [--plugins DIR]...", "a method's meaning, source and parameters", &run}; }

}  // namespace symphony
