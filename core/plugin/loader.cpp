// The handshake between core and a plugin library, over Boost.DLL.
#include "core/plugin/loader.hpp"

#include <exception>

#include <boost/dll/shared_library.hpp>

#include "core/base/text.hpp"
#include "core/plugin/build_tag.hpp"
#include "core/plugin/category.hpp"

namespace symphony {

namespace {

// Leaked on purpose: a library must outlive every object and every string of it, those in static storage included.
void pin(boost::dll::shared_library library) { static_cast<void>(new boost::dll::shared_library(std::move(library))); }

std::string text_or_empty(const char* text) { return text ? text : ""; }

LoadedPlugin refuse(std::string reason) { return {nullptr, std::move(reason)}; }

}  // namespace

const char* core_build_tag() { return kBuildTag; }

std::string check_header(const PluginHeader& header, std::string_view category, std::string_view stem) {
  // Nothing behind `header_size` may be read before the layout is known to be ours.
  if (header.magic != kPluginMagic) return fmt::format("magic is {:#010x}, expected {:#010x}", header.magic, kPluginMagic);
  if (header.abi != kPluginAbi) return fmt::format("plugin abi is {}, this build has {}; rebuild the plugin", header.abi, kPluginAbi);
  if (header.header_size != sizeof(PluginHeader))
    return fmt::format("header size is {} bytes, this build has {}; rebuild the plugin", header.header_size, sizeof(PluginHeader));
  const std::uint32_t version = category_version(category);
  if (header.interface_version != version)
    return fmt::format("version of the interface '{}' is {}, this build has {}; rebuild the plugin", category, header.interface_version,
                       version);
  const std::string tag = text_or_empty(header.build_tag);
  if (tag != kBuildTag) return fmt::format("build is '{}', this build is '{}'; rebuild the plugin", tag, kBuildTag);
  const std::string id = text_or_empty(header.category) + "." + text_or_empty(header.name);
  const std::string expected_id = fmt::format("{}.{}", category, stem);
  if (id != expected_id) return fmt::format("declares the id '{}', its folder and file name say '{}'", id, expected_id);
  if (text_or_empty(header.summary).empty()) return "summary is empty, expected one line";
  if (text_or_empty(header.source).empty()) return "source is empty, expected author, year and title or identifier";
  if (header.revision < 1) return fmt::format("revision is {}, expected at least 1", header.revision);
  return {};
}

LoadedPlugin load_plugin(const std::filesystem::path& path, std::string_view category) {
  if (category_version(category) == 0)
    return refuse(fmt::format("'{}' is no plugin category; {}", category, name_hint(category, category_names())));
  boost::dll::shared_library library;
  try {
    library.load(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& error) {
    return refuse(fmt::format("cannot be opened: {}", error.what()));
  }
  if (!library.has(kPluginSymbol))
    return refuse(fmt::format("has no symbol '{}', expected one SYMPHONY_PLUGIN(...) in the library", kPluginSymbol));
  const PluginHeader* header = library.get_alias<PluginGetter>(kPluginSymbol)();
  if (!header) return refuse(fmt::format("'{}' leads to no header, expected one SYMPHONY_PLUGIN(...) in the library", kPluginSymbol));
  if (std::string reason = check_header(*header, category, path.stem().string()); !reason.empty()) return refuse(std::move(reason));
  pin(std::move(library));
  return {header, {}};
}

}  // namespace symphony
