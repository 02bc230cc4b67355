// What the tests of plugins share: methods made by name from the libraries of this build, and the contract that every method keeps.
//
//   auto slerp = make_plugin<symphony::Fusion>("slerp", symphony::ValueMap{{"t", 0.25}});
//   TEST_CASE("slerp: keeps the plugin contract", "[plugin][fusion.slerp][contract]") { check_contract("fusion", "slerp"); }
#pragma once

// LibTorch first: it brings a macro CHECK of its own, and Catch2's must be the one that stays.
#include <torch/types.h>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/plugin/alignment.hpp"
#include "core/plugin/edit.hpp"
#include "core/plugin/eval.hpp"
#include "core/plugin/experts.hpp"
#include "core/plugin/fusion.hpp"
#include "core/plugin/registry.hpp"
#include "core/plugin/router_init.hpp"

#ifndef SYMPHONY_PLUGIN_FOLDER
#define SYMPHONY_PLUGIN_FOLDER SYMPHONY_BINARY_DIR "/bin/plugins"
#endif

/// The libraries of this build, opened once a test program.
inline const symphony::PluginRegistry& plugin_registry() {
  static const auto registry = symphony::PluginRegistry::load({SYMPHONY_PLUGIN_FOLDER});
  return registry;
}

template <class Interface>
std::unique_ptr<Interface> make_plugin(std::string name, symphony::Value params = symphony::ValueMap{}) {
  return plugin_registry().create<Interface>({std::move(name), std::move(params)});
}

inline const symphony::PluginEntry& plugin_entry(const std::string& category, const std::string& name) {
  return plugin_registry().find(category, name);
}

/// The text of the ConfigError that the parameters of a method cause; "" when they are accepted.
inline std::string refusal_of(const std::string& category, const std::string& name, const symphony::Value& params) {
  try {
    plugin_registry().canonical(category, {name, params});
  } catch (const symphony::ConfigError& error) {
    return error.what();
  }
  return {};
}

namespace plugin_fixture_detail {

inline void check_header(const symphony::PluginEntry& entry) {
  REQUIRE(entry.header);
  CHECK(std::string(entry.header->summary).size() >= 10);
  CHECK(std::string(entry.header->source).size() >= 3);
  CHECK(std::string(entry.header->summary).find('\n') == std::string::npos);
  CHECK(entry.header->revision >= 1);
  CHECK(entry.library_hash.size() == 64);
}

inline void check_defaults(const std::string& category, const std::string& name, const symphony::Schema& schema) {
  for (const symphony::FieldInfo& field : schema.fields()) {
    CAPTURE(field.name);
    CHECK_FALSE(field.doc.empty());
    if (field.required) return;  // no defaults to go round with
  }
  const auto defaults = plugin_registry().canonical(category, {name, symphony::ValueMap{}});
  CHECK(plugin_registry().canonical(category, defaults) == defaults);
  for (const symphony::FieldInfo& field : schema.fields()) {
    CAPTURE(field.name);
    REQUIRE(defaults.params.find(field.name));
    CHECK(*defaults.params.find(field.name) == field.default_value);
  }
}

inline void check_unknown_keys(const std::string& category, const std::string& name, const symphony::Schema& schema) {
  symphony::Value params = symphony::ValueMap{};
  params.set("no_such_parameter_at_all", 1);
  const std::string nearly = schema.fields().empty() ? "another_one" : schema.fields().front().name + "x";
  params.set(nearly, 1);
  const std::string text = refusal_of(category, name, params);
  CAPTURE(text);
  CHECK(text.find("unknown key 'no_such_parameter_at_all'") != std::string::npos);
  CHECK(text.find("unknown key '" + nearly + "'") != std::string::npos);
  if (!schema.fields().empty()) CHECK(text.find("did you mean '") != std::string::npos);
}

inline void check_ranges(const std::string& category, const std::string& name, const symphony::Schema& schema) {
  for (const symphony::FieldInfo& field : schema.fields()) {
    CAPTURE(field.name);
    std::vector<double> outside;
    if (field.minimum) outside.push_back(*field.minimum - 1.0);
    if (field.maximum) outside.push_back(*field.maximum + 1.0);
    const bool whole = field.type.find("integer") != std::string::npos;
    for (const double number : outside) {
      CAPTURE(number);
      symphony::Value params = symphony::ValueMap{};
      params.set(field.name, whole ? symphony::Value(static_cast<std::int64_t>(number)) : symphony::Value(number));
      const std::string text = refusal_of(category, name, params);
      CHECK(text.find(category + "." + name + ": " + field.name) != std::string::npos);
      CHECK(text.find("expected") != std::string::npos);
    }
    if (field.choices.empty()) continue;
    symphony::Value params = symphony::ValueMap{};
    params.set(field.name, "no such choice");
    CHECK(refusal_of(category, name, params).find("expected one of: " + symphony::join(field.choices, ", ")) != std::string::npos);
  }
}

template <class Interface>
void check_objects(const std::string& name, const symphony::Value& params) {
  const auto first = make_plugin<Interface>(name, params);
  auto second = make_plugin<Interface>(name, params);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first.get() != second.get());
  second.reset();  // the first must not have depended on it
}

template <class... Interfaces>
void check_objects_of(const std::string& category, const std::string& name, const symphony::Value& params) {
  const bool known = ((category == symphony::Category<Interfaces>::name && (check_objects<Interfaces>(name, params), true)) || ...);
  CHECK(known);
}

}  // namespace plugin_fixture_detail

/// The contract that every method keeps: a sane header; documented parameters whose defaults go round; unknown parameters refused all at
/// once with the nearest name; values outside a range or a choice refused with the expectation; two objects are independent.
/// `params` are those that the method cannot do without.
inline void check_contract(const std::string& category, const std::string& name, symphony::Value params = symphony::ValueMap{}) {
  using namespace symphony;
  const PluginEntry& entry = plugin_entry(category, name);
  const auto schema = plugin_registry().schema(category, name);
  plugin_fixture_detail::check_header(entry);
  plugin_fixture_detail::check_defaults(category, name, *schema);
  plugin_fixture_detail::check_unknown_keys(category, name, *schema);
  plugin_fixture_detail::check_ranges(category, name, *schema);
  plugin_fixture_detail::check_objects_of<Alignment, Fusion, Experts, Router, RouterInit, Edit, Eval>(category, name, params);
}
