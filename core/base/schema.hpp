// A parameter is declared once: a struct member with a default, plus one line of doc and range. YAML binding, `runner describe`,
// range checks, did-you-mean, the stage key and the record in the log all derive from that line:
//
//   struct SlerpParams {
//     double t = 0.5;
//     static void describe(Schema& s) {
//       s.field<&SlerpParams::t>("t", "position between model 0 (t=0) and model 1 (t=1)").range(0, 1);
//     }
//   };
//
// Member types: bool, integers, double, std::string, Method, Value (anything), any struct with `describe`, and of those
// std::optional<T> (null allowed), std::vector<T> (a scalar stands for a list of one) and Named<T> (a map of names to T).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/value.hpp"

namespace symphony {

/// One mistake found while reading a tree. `path` leads from the root of that tree: keys, and list indices as decimal numbers.
struct SchemaIssue {
  std::vector<std::string> path;
  std::string message;       ///< what, got, expected, nearest name
  bool about_key = false;    ///< the key itself is wrong (unknown), or the map at `path` lacks one: not a value
};
using SchemaIssues = std::vector<SchemaIssue>;

/// "models.code.train[2]"
std::string path_text(const std::vector<std::string>& path);

/// A plugin chosen by name, with the parameters written beside it; they are checked against the plugin's own schema later.
struct Method {
  std::string name;
  Value params = ValueMap{};  ///< always a map
  friend bool operator==(const Method&, const Method&) = default;
};

/// Names to values in the order written.
template <typename T>
using Named = std::vector<std::pair<std::string, T>>;

class Schema;

template <typename T>
concept Described = requires(Schema& s) { T::describe(s); };

/// Where a reader is in the tree and what it has found wrong so far.
class SchemaReader {
 public:
  void issue(std::string message, bool about_key = false) { issues_.push_back({path_, std::move(message), about_key}); }
  template <typename F>
  void inside(std::string key, F&& body) {
    path_.push_back(std::move(key));
    body();
    path_.pop_back();
  }
  SchemaIssues take() { return std::move(issues_); }

 private:
  std::vector<std::string> path_;
  SchemaIssues issues_;
};

/// What is known of one parameter.
struct FieldInfo {
  std::string name;
  std::string doc;
  std::string type;                       ///< "number", "list of strings", ...
  std::string unit;                       ///< "tokens", "seconds", ...
  std::optional<double> minimum, maximum; ///< inclusive
  std::vector<std::string> choices;       ///< of a string or of each string in a list
  std::string category;                   ///< of a Method: the plugin category that its name is looked up in
  bool required = false;
  Value default_value;
  std::shared_ptr<const Schema> nested;   ///< of a described struct, also inside list, map or optional
  std::function<void(void* object, const Value&, SchemaReader&)> assign;
  std::function<Value(const void* object)> read;
  std::function<void(void* object, const std::function<void(const std::string& category, Method&, std::vector<std::string>)>&,
                     std::vector<std::string>)> visit_methods;

  FieldInfo& range(double low, double high) { minimum = low, maximum = high; return *this; }
  FieldInfo& at_least(double low) { minimum = low; return *this; }
  FieldInfo& one_of(std::vector<std::string> names) { choices = std::move(names); return *this; }
  FieldInfo& in(std::string unit_name) { unit = std::move(unit_name); return *this; }
  FieldInfo& plugin(std::string category_name) { category = std::move(category_name); return *this; }
  FieldInfo& must_be_given() { required = true; return *this; }
};

using MethodVisitor = std::function<void(const std::string& category, Method&, std::vector<std::string> path)>;

class Schema {
 public:
  Schema() = default;
  Schema(const Schema&) = delete;  ///< its fields refer to it
  Schema& operator=(const Schema&) = delete;

  /// The schema of a described struct, built once a process from a default-constructed `T`.
  template <Described T>
  static std::shared_ptr<const Schema> of();

  /// Declares a member. The returned reference stays valid until the next declaration.
  template <auto Member>
  FieldInfo& field(std::string name, std::string doc);

  /// Declares the struct as "a method with core's own settings beside it": `{ method: x, ...x's parameters..., ...declared keys... }`,
  /// or just the name. Every key that is not declared goes to the method's parameters, so a declared key hides a parameter of that name.
  template <auto Member>
  FieldInfo& method(std::string category, std::string doc);

  /// Reads `tree` into `object`; keys that are absent keep what the object holds. Returns all mistakes, never throws for input.
  SchemaIssues assign(void* object, const Value& tree) const;
  void assign(void* object, const Value& tree, SchemaReader& reader) const;
  /// The whole object as a tree, defaults included, in declaration order: the canonical form that keys and logs use.
  Value read(const void* object) const;
  /// Calls `visit` for every plugin choice inside the object.
  void visit_methods(void* object, const MethodVisitor& visit, std::vector<std::string> path = {}) const;

  const std::vector<FieldInfo>& fields() const { return fields_; }
  std::vector<std::string> names() const;
  const FieldInfo* find(std::string_view name) const;

 private:
  std::vector<FieldInfo> fields_;
  std::optional<std::size_t> open_method_;  ///< index of the field declared by method()
};

/// Reads `tree` into a default-constructed T, or throws ConfigError listing every mistake, each led by `where`.
template <Described T>
T from_value(const Value& tree, std::string_view where);

/// One line a parameter, "steps: integer in steps, default 10, at least 1: optimiser steps"; nested structs follow, indented by two more.
std::string describe_schema(const Schema& schema, int indent = 0);

}  // namespace symphony

#include "core/base/schema_impl.hpp"
