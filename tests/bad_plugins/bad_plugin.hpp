// A sound fusion method whose header each fixture spoils in one place.
#pragma once

#include "core/plugin/declare.hpp"
#include "core/plugin/fusion.hpp"

namespace {

class FirstSource final : public symphony::Fusion {
 public:
  torch::Tensor fuse(const symphony::FusionInput& input) const override { return input.sources.front().whole(); }
};

consteval symphony::PluginHeader sound_header(const char* name) {
  return symphony::plugin_detail::declare<symphony::Fusion, FirstSource, symphony::NoParams>(name, 1, "a broken library", "the tests");
}

}  // namespace

/// What SYMPHONY_PLUGIN does, for a header given whole.
#define SYMPHONY_PLUGIN_WITH_HEADER(HEADER)                                                                     \
  extern "C" __attribute__((visibility("default"))) const symphony::PluginHeader* symphony_plugin_header() {    \
    return &HEADER;                                                                                             \
  }                                                                                                             \
  BOOST_DLL_ALIAS(symphony_plugin_header, symphony_plugin)
