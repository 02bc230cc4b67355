// SYMPHONY_PLUGIN: what a method's file ends with, outside every namespace. It defines one constant-initialised header, a strong getter
// symbol (so that two macros in one library are a link error; the alias alone is weak, and the second would vanish) and the Boost.DLL alias
// by which the loader finds it. Nothing runs at load.
//
//   SYMPHONY_PLUGIN(symphony::Fusion, Slerp, SlerpParams, "slerp", /*revision=*/1, "one-line summary", "author, year, id");
//
// `Slerp` derives from the interface and is constructible from `const SlerpParams&`, or, with NoParams, from nothing.
#pragma once

#ifndef BOOST_DLL_USE_STD_FS
#define BOOST_DLL_USE_STD_FS
#endif
#include <boost/dll/alias.hpp>

#include "core/plugin/build_tag.hpp"
#include "core/plugin/category.hpp"
#include "core/plugin/header.hpp"

namespace symphony {

/// For methods without parameters.
struct NoParams {
  static void describe(Schema&) {}
};

namespace plugin_detail {

template <typename Params>
Value canonical(const Value& params, SchemaIssues& issues) {
  const auto schema = Schema::of<Params>();
  Params object{};
  for (SchemaIssue& issue : schema->assign(&object, params)) issues.push_back(std::move(issue));
  return schema->read(&object);
}

template <typename Interface, typename Class, typename Params>
void* create(const Value& params) {
  static_assert(std::is_base_of_v<Interface, Class>, "the class must derive from the category's interface");
  const Params object = from_value<Params>(params, Category<Interface>::name);
  if constexpr (std::is_constructible_v<Class, const Params&>) return static_cast<Interface*>(new Class(object));
  else return static_cast<Interface*>(new Class());
}

template <typename Interface, typename Class, typename Params>
consteval PluginHeader declare(const char* name, std::int32_t revision, const char* summary, const char* source) {
  // Not a constant expression, hence a compile error that shows this line.
  if (!*name || !*summary || !*source || revision < 1) throw "name, summary and source must not be empty, revision is at least 1";
  return {kPluginMagic, kPluginAbi, sizeof(PluginHeader), Category<Interface>::version, revision, kBuildTag, Category<Interface>::name, name,
          summary, source, &Schema::of<Params>, &canonical<Params>, &create<Interface, Class, Params>};
}

}  // namespace plugin_detail
}  // namespace symphony

// The header's namespace is outside symphony, so that a plugin's class may carry the name of one of core's.
#define SYMPHONY_PLUGIN(INTERFACE, CLASS, PARAMS, NAME, REVISION, SUMMARY, SOURCE)                              \
  namespace symphony_plugin_declaration {                                                                       \
  using namespace ::symphony;                                                                                   \
  static constinit const ::symphony::PluginHeader header =                                                      \
      ::symphony::plugin_detail::declare<INTERFACE, CLASS, PARAMS>(NAME, REVISION, SUMMARY, SOURCE);            \
  }                                                                                                             \
  extern "C" __attribute__((visibility("default"))) const ::symphony::PluginHeader* symphony_plugin_header() {  \
    return &symphony_plugin_declaration::header;                                                                \
  }                                                                                                             \
  BOOST_DLL_ALIAS(symphony_plugin_header, symphony_plugin)
