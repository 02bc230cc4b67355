// The methods that the runner knows: every library found in `--plugins`, SYMPHONY_PLUGIN_PATH and plugins/ beside the runner, in that order;
// the first of an id wins. A library that cannot be used is remembered with its reason and is fatal only to an experiment that names it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/schema.hpp"
#include "core/plugin/category.hpp"
#include "core/plugin/header.hpp"

namespace symphony {

struct PluginEntry {
  std::string id;                      ///< "fusion.slerp"
  std::string category, name;
  std::filesystem::path library;
  const PluginHeader* header = nullptr;  ///< null when refused; valid for the life of the process otherwise
  std::string refusal;                   ///< why it cannot be used; empty if it can
  std::string library_hash;              ///< SHA-256 of the file: provenance, never part of a key
};

class PluginRegistry {
 public:
  /// Opens every `<folder>/<category>/<name>.so` below the folders. Never throws for a broken library.
  static PluginRegistry load(const std::vector<std::filesystem::path>& folders);
  /// `--plugins` folders first, then SYMPHONY_PLUGIN_PATH (colon separated), then plugins/ beside the running executable or, installed,
  /// ../lib/symphony/plugins. Throws ConfigError when a folder that was asked for does not exist.
  static std::vector<std::filesystem::path> search_path(const std::vector<std::filesystem::path>& given);

  const std::vector<PluginEntry>& entries() const { return entries_; }   ///< by category order, then name
  /// Throws ConfigError with the nearest name for an unknown id, PluginError with the reason for a refused one.
  const PluginEntry& find(std::string_view category, std::string_view name) const;
  std::vector<std::string> names(std::string_view category) const;
  std::shared_ptr<const Schema> schema(std::string_view category, std::string_view name) const;

  /// Every mistake in the parameters, with its path inside them; unknown or refused methods throw as in `find`.
  SchemaIssues check(std::string_view category, const Method& method) const;
  /// A new object of the category. Throws ConfigError listing every mistake in the parameters.
  template <typename Interface>
  std::unique_ptr<Interface> create(const Method& method) const {
    return std::unique_ptr<Interface>(static_cast<Interface*>(create_object(Category<Interface>::name, method)));
  }
  /// The method with every parameter filled in: what keys and logs use. Throws as `create`.
  Method canonical(std::string_view category, const Method& method) const;

 private:
  void* create_object(std::string_view category, const Method& method) const;
  std::vector<PluginEntry> entries_;
};

}  // namespace symphony
