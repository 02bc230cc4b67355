// A plugin whose header has the right abi number but another size.
#include "tests/bad_plugins/bad_plugin.hpp"

namespace {

constexpr symphony::PluginHeader kHeader = [] {
  symphony::PluginHeader header = sound_header("wrong_size");
  header.header_size = sizeof(symphony::PluginHeader) + 8;
  return header;
}();

}  // namespace

SYMPHONY_PLUGIN_WITH_HEADER(kHeader)
