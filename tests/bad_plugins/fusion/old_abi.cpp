// A plugin built before the layout of the header changed.
#include "tests/bad_plugins/bad_plugin.hpp"

namespace {

constexpr symphony::PluginHeader kHeader = [] {
  symphony::PluginHeader header = sound_header("old_abi");
  header.abi = symphony::kPluginAbi - 1;
  return header;
}();

}  // namespace

SYMPHONY_PLUGIN_WITH_HEADER(kHeader)
