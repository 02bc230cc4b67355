// Finding libraries on disk, and methods by name.
#include "core/plugin/registry.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"
#include "core/plugin/loader.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> sorted_children(const fs::path& folder) {
  std::vector<fs::path> result;
  for (const fs::directory_entry& child : fs::directory_iterator(folder)) result.push_back(child.path());
  std::sort(result.begin(), result.end());
  return result;
}

PluginEntry open_entry(const fs::path& library, const std::string& category) {
  PluginEntry entry;
  entry.category = category;
  entry.name = library.stem().string();
  entry.id = category + "." + entry.name;
  entry.library = library;
  try {
    entry.library_hash = sha256_file(library);
  } catch (const Error& error) {
    entry.refusal = error.what();
    return entry;
  }
  LoadedPlugin loaded = load_plugin(library, category);
  entry.header = loaded.header;
  entry.refusal = std::move(loaded.refusal);
  return entry;
}

/// Where a category stands in `runner list`; folders that are no category come last.
std::size_t category_order(const std::string& category) {
  const auto& names = category_names();
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), category) - names.begin());
}

fs::path existing_folder(const fs::path& folder, std::string_view where) {
  if (!fs::is_directory(folder)) fail<ConfigError>(where, "no folder '{}', expected one that holds <category>/<name>.so", folder.string());
  return fs::absolute(folder).lexically_normal();
}

std::string issue_lines(std::string_view id, const SchemaIssues& issues) {
  std::vector<std::string> lines;
  for (const SchemaIssue& issue : issues)
    lines.push_back(fmt::format("{}: {}{}{}", id, path_text(issue.path), issue.path.empty() ? "" : ": ", issue.message));
  return join(lines, "\n");
}

}  // namespace

PluginRegistry PluginRegistry::load(const std::vector<fs::path>& folders) {
  PluginRegistry registry;
  auto& entries = registry.entries_;
  for (const fs::path& folder : folders)
    for (const fs::path& category : sorted_children(folder)) {
      if (!fs::is_directory(category)) continue;
      for (const fs::path& library : sorted_children(category)) {
        if (library.extension() != ".so") continue;
        const std::string id = category.filename().string() + "." + library.stem().string();
        const bool shadowed = std::any_of(entries.begin(), entries.end(), [&](const PluginEntry& entry) { return entry.id == id; });
        if (!shadowed) entries.push_back(open_entry(library, category.filename().string()));
      }
    }
  std::sort(entries.begin(), entries.end(), [](const PluginEntry& a, const PluginEntry& b) {
    return std::pair(category_order(a.category), a.id) < std::pair(category_order(b.category), b.id);
  });
  return registry;
}

std::vector<fs::path> PluginRegistry::search_path(const std::vector<fs::path>& given) {
  std::vector<fs::path> result;
  for (const fs::path& folder : given) result.push_back(existing_folder(folder, "--plugins"));
  if (const char* variable = std::getenv("SYMPHONY_PLUGIN_PATH"))
    for (const std::string& folder : split(variable, ':'))
      if (!folder.empty()) result.push_back(existing_folder(folder, "SYMPHONY_PLUGIN_PATH"));
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& folder : {beside / "plugins", beside.parent_path() / "lib" / "symphony" / "plugins"})
    if (fs::is_directory(folder)) result.push_back(folder);
  return result;
}

const PluginEntry& PluginRegistry::find(std::string_view category, std::string_view name) const {
  for (const PluginEntry& entry : entries_) {
    if (entry.category != category || entry.name != name) continue;
    if (!entry.header) fail<PluginError>(entry.id, "{} cannot be used: {}", entry.library.string(), entry.refusal);
    return entry;
  }
  const auto known = names(category);
  if (known.empty()) fail<ConfigError>(category, "unknown method {}; no {} plugin was found (see runner list)", quoted(name), category);
  fail<ConfigError>(category, "unknown method {}; {} (see runner list)", quoted(name), name_hint(name, known));
}

std::vector<std::string> PluginRegistry::names(std::string_view category) const {
  std::vector<std::string> result;
  for (const PluginEntry& entry : entries_)
    if (entry.category == category && entry.header) result.push_back(entry.name);
  return result;
}

std::shared_ptr<const Schema> PluginRegistry::schema(std::string_view category, std::string_view name) const {
  return find(category, name).header->schema();
}

SchemaIssues PluginRegistry::check(std::string_view category, const Method& method) const {
  SchemaIssues issues;
  find(category, method.name).header->canonical(method.params, issues);
  return issues;
}

Method PluginRegistry::canonical(std::string_view category, const Method& method) const {
  const PluginEntry& entry = find(category, method.name);
  SchemaIssues issues;
  Method result{method.name, entry.header->canonical(method.params, issues)};
  if (!issues.empty()) throw ConfigError(issue_lines(entry.id, issues));
  return result;
}

void* PluginRegistry::create_object(std::string_view category, const Method& method) const {
  const Method whole = canonical(category, method);
  return find(category, method.name).header->create(whole.params);
}

}  // namespace symphony
