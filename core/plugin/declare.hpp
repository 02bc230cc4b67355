// SYMPHONY_PLUGIN: what a method's file ends with. It defines one constant-initialised header, a strong getter symbol (so that two macros
// in one library are a link error) and the Boost.DLL alias by which the loader finds it. Nothing runs at load.
//
//   SYMPHONY_PLUGIN(symphony::Fusion, Slerp, SlerpParams, "slerp", /*revision=*/1, "one-line summary", "author, year, id");
//
// `Slerp` derives from the interface and is constructible from `const SlerpParams&`.
#pragma once

#define BOOST_DLL_USE_STD_FS
#include <boost/dll/alias.hpp>

#include "core/plugin/build_tag.hpp"
#include "core/plugin/category.hpp"
#include "core/plugin/header.hpp"

#define SYMPHONY_PLUGIN(INTERFACE, CLASS, PARAMS, NAME, REVISION, SUMMARY, SOURCE)                                             \
  extern "C" __attribute__((visibility("default"))) const ::symphony::PluginHeader* symphony_plugin_header();                \
  namespace symphony::plugin_detail {                                                                                         \
  static_assert(sizeof(NAME) > 1 && sizeof(SUMMARY) > 1 && sizeof(SOURCE) > 1, "name, summary and source must not be empty"); \
  static void* create(const ::symphony::Value& params) {                                                                      \
    return static_cast<INTERFACE*>(new CLASS(::symphony::from_value<PARAMS>(params, NAME)));                                  \
  }                                                                                                                           \
  static constinit const ::symphony::PluginHeader header{::symphony::kPluginMagic, ::symphony::kPluginAbi,                    \
                                                         sizeof(::symphony::PluginHeader),                                    \
                                                         ::symphony::Category<INTERFACE>::version, REVISION,                  \
                                                         ::symphony::kBuildTag, ::symphony::Category<INTERFACE>::name, NAME,  \
                                                         SUMMARY, SOURCE, &::symphony::Schema::of<PARAMS>, &create};          \
  }                                                                                                                           \
  extern "C" const ::symphony::PluginHeader* symphony_plugin_header() { return &symphony::plugin_detail::header; }            \
  BOOST_DLL_ALIAS(symphony_plugin_header, symphony_plugin)

namespace symphony {
/// For methods without parameters.
struct NoParams {
  static void describe(Schema&) {}
};
}  // namespace symphony
