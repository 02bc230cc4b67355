// A plugin from another compiler and LibTorch.
#include "tests/bad_plugins/bad_plugin.hpp"

namespace {

constexpr symphony::PluginHeader kHeader = [] {
  symphony::PluginHeader header = sound_header("wrong_build");
  header.build_tag = "gcc 9; c++ 201402L; cxx11-abi 0; libtorch 1.4.0; debug";
  return header;
}();

}  // namespace

SYMPHONY_PLUGIN_WITH_HEADER(kHeader)
