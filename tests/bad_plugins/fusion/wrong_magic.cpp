// Some other library that happens to have our symbol.
#include "tests/bad_plugins/bad_plugin.hpp"

namespace {

constexpr symphony::PluginHeader kHeader = [] {
  symphony::PluginHeader header = sound_header("wrong_magic");
  header.magic = 0xdeadbeef;
  return header;
}();

}  // namespace

SYMPHONY_PLUGIN_WITH_HEADER(kHeader)
