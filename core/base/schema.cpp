// Reading and writing of described structs.
#include "core/base/schema.hpp"

#include <cmath>

#include "core/base/json.hpp"

namespace symphony {

namespace schema_detail {

namespace {

std::string range_text(const FieldInfo& info) {
  if (info.minimum && info.maximum) return fmt::format("between {} and {}", *info.minimum, *info.maximum);
  return info.minimum ? fmt::format("at least {}", *info.minimum) : fmt::format("at most {}", *info.maximum);
}

void check_range(double number, const FieldInfo& info, SchemaReader& reader) {
  const bool too_small = info.minimum && number < *info.minimum;
  const bool too_large = info.maximum && number > *info.maximum;
  if (!too_small && !too_large) return;
  reader.issue(fmt::format("got {}, expected {}", number, range_text(info)));
}

}  // namespace

void read_scalar(bool& target, const Value& value, const FieldInfo&, SchemaReader& reader) {
  if (!value.is_bool()) return reader.issue(fmt::format("expected true or false, got {}", value.describe()));
  target = value.as_bool();
}

void read_scalar(std::int64_t& target, const Value& value, const FieldInfo& info, SchemaReader& reader) {
  if (!value.is_int()) return reader.issue(fmt::format("expected an integer, got {}", value.describe()));
  target = value.as_int();
  check_range(static_cast<double>(target), info, reader);
}

void read_scalar(double& target, const Value& value, const FieldInfo& info, SchemaReader& reader) {
  if (!value.is_number()) return reader.issue(fmt::format("expected a number, got {}", value.describe()));
  if (!std::isfinite(value.as_double())) return reader.issue(fmt::format("expected a finite number, got {}", value.as_double()));
  target = value.as_double();
  check_range(target, info, reader);
}

void read_scalar(std::string& target, const Value& value, const FieldInfo& info, SchemaReader& reader) {
  if (!value.is_string()) return reader.issue(fmt::format("expected a string, got {}", value.describe()));
  target = value.as_string();
  if (info.choices.empty()) return;
  for (const std::string& choice : info.choices)
    if (choice == target) return;
  const auto nearest = nearest_name(target, info.choices);
  reader.issue(fmt::format("got {}, expected one of: {}{}", quoted(target), join(info.choices, ", "),
                           nearest ? fmt::format("; did you mean '{}'?", *nearest) : ""));
}

void read_method(Method& target, const Value& value, SchemaReader& reader) {
  if (value.is_string()) {
    target = Method{value.as_string(), ValueMap{}};
    return;
  }
  if (!value.is_map()) return reader.issue(fmt::format("expected a method's name or a map with 'method', got {}", value.describe()));
  const Value* name = value.find("method");
  if (name && !name->is_string())
    return reader.inside("method", [&] { reader.issue(fmt::format("expected a method's name, got {}", name->describe())); });
  // `{ k: 2 }` over a default, or beside the same name, changes only that parameter; another name starts from its own defaults.
  const bool same = !name || name->as_string() == target.name;
  Method result = same ? target : Method{name->as_string(), ValueMap{}};
  if (result.name.empty()) return reader.issue("expected the key 'method' with a method's name");
  for (const auto& [key, item] : value.as_map())
    if (key != "method") result.params.set(key, item);
  target = std::move(result);
}

Value method_value(const Method& method) {
  Value value = ValueMap{};
  value.set("method", method.name);
  for (const auto& [key, item] : method.params.as_map()) value.set(key, item);
  return value;
}

}  // namespace schema_detail

std::string path_text(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& part : path) {
    const bool is_index = !part.empty() && part.find_first_not_of("0123456789") == std::string::npos;
    if (is_index) text += fmt::format("[{}]", part);
    else text += (text.empty() ? "" : ".") + part;
  }
  return text;
}

SchemaIssues Schema::assign(void* object, const Value& tree) const {
  SchemaReader reader;
  assign(object, tree, reader);
  return reader.take();
}

void Schema::assign(void* object, const Value& tree, SchemaReader& reader) const {
  if (open_method_ && tree.is_string()) return fields_[*open_method_].assign(object, tree, reader);
  if (!tree.is_map()) return reader.issue(fmt::format("expected a map of settings, got {}", tree.describe()));
  Value method_tree = ValueMap{};
  for (const auto& [key, value] : tree.as_map()) {
    const FieldInfo* info = find(key);
    const bool goes_to_method = open_method_ && (!info || key == "method");
    if (goes_to_method) {
      method_tree.set(key, value);
    } else if (info) {
      reader.inside(key, [&, &value = value] { info->assign(object, value, reader); });
    } else {
      reader.inside(key, [&, &key = key] {
        reader.issue(fmt::format("unknown key {}; {}", quoted(key), fields_.empty() ? "no keys are expected here" : name_hint(key, names())), true);
      });
    }
  }
  // Also without any of its keys, so that a method which has no default is missed.
  const bool is_missed = open_method_ && fields_[*open_method_].required && !tree.find("method");
  if (open_method_ && !is_missed) fields_[*open_method_].assign(object, method_tree, reader);
  for (const FieldInfo& info : fields_)
    if (info.required && !tree.find(info.name))
      reader.issue(fmt::format("the key '{}' ({}) is missing", info.name, info.doc), true);
}

Value Schema::read(const void* object) const {
  Value tree = ValueMap{};
  for (std::size_t index = 0; index < fields_.size(); ++index) {
    const Value value = fields_[index].read(object);
    if (index != open_method_) {
      tree.set(fields_[index].name, value);
      continue;
    }
    for (const auto& [key, item] : value.as_map()) tree.set(key, item);  // the method's parameters stand beside core's keys
  }
  return tree;
}

void Schema::visit_methods(void* object, const MethodVisitor& visit, std::vector<std::string> path) const {
  for (std::size_t index = 0; index < fields_.size(); ++index) {
    auto inner = path;
    if (index != open_method_) inner.push_back(fields_[index].name);
    fields_[index].visit_methods(object, visit, std::move(inner));
  }
}

std::vector<std::string> Schema::names() const {
  std::vector<std::string> result;
  for (const FieldInfo& info : fields_) result.push_back(info.name);
  return result;
}

std::string describe_schema(const Schema& schema, int indent) {
  std::string text;
  for (const FieldInfo& info : schema.fields()) {
    text += fmt::format("{:{}}{}: {}", "", indent, info.name, info.type);
    if (!info.unit.empty()) text += " in " + info.unit;
    if (!info.category.empty()) text += fmt::format(" ({} plugin)", info.category);
    text += info.required ? ", required" : info.nested ? "" : ", default " + to_json(info.default_value);
    if (info.minimum || info.maximum) text += ", " + schema_detail::range_text(info);
    if (!info.choices.empty()) text += ", one of: " + join(info.choices, ", ");
    text += fmt::format(": {}\n", info.doc);
    if (info.nested) text += describe_schema(*info.nested, indent + 2);
  }
  return text;
}

const FieldInfo* Schema::find(std::string_view name) const {
  for (const FieldInfo& info : fields_)
    if (info.name == name) return &info;
  return nullptr;
}

}  // namespace symphony
