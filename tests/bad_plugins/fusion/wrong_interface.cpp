// A plugin built against a later version of its category's interface.
#include "tests/bad_plugins/bad_plugin.hpp"

namespace {

constexpr symphony::PluginHeader kHeader = [] {
  symphony::PluginHeader header = sound_header("wrong_interface");
  header.interface_version = symphony::Category<symphony::Fusion>::version + 1;
  return header;
}();

}  // namespace

SYMPHONY_PLUGIN_WITH_HEADER(kHeader)
