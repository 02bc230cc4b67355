// Opens one plugin library and shakes hands with it. Used by the registry and by the tests of broken libraries.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/plugin/header.hpp"

namespace symphony {

/// Either a header, valid for the life of the process, or the reason why the library cannot be used.
struct LoadedPlugin {
  const PluginHeader* header = nullptr;
  std::string refusal;
};

/// Opens `library` with local symbols, resolved at once, and compares its header with this build in this order: magic, abi, header size,
/// interface version of `category`, build tag, id (`category` + file stem), summary and source, revision. Never throws for a broken library.
/// A library that passes stays open until the process ends: an object whose code is gone crashes in its destructor.
LoadedPlugin load_plugin(const std::filesystem::path& library, std::string_view category);

/// The reason to refuse `header`, empty if there is none. `category` and `stem` are where the library was found.
std::string check_header(const PluginHeader& header, std::string_view category, std::string_view stem);

}  // namespace symphony
