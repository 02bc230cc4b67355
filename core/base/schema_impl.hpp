// The templates behind schema.hpp: how each member type is read from and written to a Value. Not to be included directly.
#pragma once

#include <utility>

#include "core/base/error.hpp"
#include "core/base/schema.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace schema_detail {

void read_scalar(bool& target, const Value&, const FieldInfo&, SchemaReader&);
void read_scalar(std::int64_t& target, const Value&, const FieldInfo&, SchemaReader&);
void read_scalar(double& target, const Value&, const FieldInfo&, SchemaReader&);
void read_scalar(std::string& target, const Value&, const FieldInfo&, SchemaReader&);
void read_method(Method& target, const Value&, SchemaReader&);
Value method_value(const Method& method);

template <typename T> struct is_vector : std::false_type {};
template <typename T> struct is_vector<std::vector<T>> : std::true_type {};
template <typename T> struct is_named : std::false_type {};
template <typename T> struct is_named<Named<T>> : std::true_type {};
template <typename T> struct is_optional : std::false_type {};
template <typename T> struct is_optional<std::optional<T>> : std::true_type {};
template <typename T> concept SmallInteger = std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, std::int64_t>;

/// Reading, writing and naming of one member type. `info` carries ranges and choices, `info.nested` the schema of a struct.
template <typename T>
void read_into(T& target, const Value& value, const FieldInfo& info, SchemaReader& reader) {
  if constexpr (std::is_same_v<T, Value>) {
    target = value;
  } else if constexpr (std::is_same_v<T, Method>) {
    read_method(target, value, reader);
  } else if constexpr (SmallInteger<T>) {
    std::int64_t wide = static_cast<std::int64_t>(target);
    read_scalar(wide, value, info, reader);
    const bool fits = std::in_range<T>(wide);
    if (fits) target = static_cast<T>(wide);
    else reader.issue(fmt::format("got {}, which is too large or negative", wide));
  } else if constexpr (is_optional<T>::value) {
    if (value.is_null()) { target.reset(); return; }
    typename T::value_type inner{};
    if (target) inner = *target;
    read_into(inner, value, info, reader);
    target = std::move(inner);
  } else if constexpr (is_named<T>::value) {
    if (!value.is_map()) return reader.issue(fmt::format("expected a map of names, got {}", value.describe()));
    T result;
    for (const auto& [key, item] : value.as_map())
      reader.inside(key, [&, &key = key, &item = item] {
        typename T::value_type::second_type inner{};
        read_into(inner, item, info, reader);
        result.emplace_back(key, std::move(inner));
      });
    target = std::move(result);
  } else if constexpr (is_vector<T>::value) {
    T result;
    if (!value.is_list()) {  // a scalar stands for a list of one
      typename T::value_type inner{};
      read_into(inner, value, info, reader);
      result.push_back(std::move(inner));
    } else {
      for (std::size_t index = 0; index < value.as_list().size(); ++index)
        reader.inside(std::to_string(index), [&] {
          typename T::value_type inner{};
          read_into(inner, value.as_list()[index], info, reader);
          result.push_back(std::move(inner));
        });
    }
    target = std::move(result);
  } else if constexpr (Described<T>) {
    info.nested->assign(&target, value, reader);
  } else {
    read_scalar(target, value, info, reader);
  }
}

template <typename T>
Value write_out(const T& source, const FieldInfo& info) {
  if constexpr (std::is_same_v<T, Value>) return source;
  else if constexpr (std::is_same_v<T, Method>) return method_value(source);
  else if constexpr (std::is_same_v<T, bool>) return Value(source);
  else if constexpr (std::is_integral_v<T>) return Value(static_cast<std::int64_t>(source));
  else if constexpr (is_optional<T>::value) return source ? write_out(*source, info) : Value();
  else if constexpr (is_named<T>::value) {
    ValueMap map;
    for (const auto& [key, item] : source) map.emplace_back(key, write_out(item, info));
    return Value(std::move(map));
  } else if constexpr (is_vector<T>::value) {
    ValueList list;
    for (const auto& item : source) list.push_back(write_out(static_cast<const typename T::value_type&>(item), info));
    return Value(std::move(list));
  } else if constexpr (Described<T>) return info.nested->read(&source);
  else return Value(source);
}

template <typename T>
void visit(T& object, const FieldInfo& info, const MethodVisitor& visitor, std::vector<std::string> path) {
  if constexpr (std::is_same_v<T, Method>) {
    visitor(info.category, object, std::move(path));
  } else if constexpr (is_optional<T>::value) {
    if (object) visit(*object, info, visitor, std::move(path));
  } else if constexpr (is_named<T>::value) {
    for (auto& [key, item] : object) {
      auto inner = path;
      inner.push_back(key);
      visit(item, info, visitor, std::move(inner));
    }
  } else if constexpr (is_vector<T>::value) {
    if constexpr (!std::is_same_v<T, std::vector<bool>>)
      for (std::size_t index = 0; index < object.size(); ++index) {
        auto inner = path;
        inner.push_back(std::to_string(index));
        visit(object[index], info, visitor, std::move(inner));
      }
  } else if constexpr (Described<T>) {
    info.nested->visit_methods(&object, visitor, std::move(path));
  }
}

template <typename T>
std::string type_name() {
  if constexpr (std::is_same_v<T, Value>) return "anything";
  else if constexpr (std::is_same_v<T, Method>) return "method";
  else if constexpr (std::is_same_v<T, bool>) return "boolean";
  else if constexpr (std::is_integral_v<T>) return "integer";
  else if constexpr (std::is_floating_point_v<T>) return "number";
  else if constexpr (std::is_same_v<T, std::string>) return "string";
  else if constexpr (is_optional<T>::value) return type_name<typename T::value_type>() + " or null";
  else if constexpr (is_named<T>::value) return "map of " + type_name<typename T::value_type::second_type>();
  else if constexpr (is_vector<T>::value) return "list of " + type_name<typename T::value_type>();
  else return "settings";
}

template <typename T>
std::shared_ptr<const Schema> nested_schema() {
  if constexpr (is_optional<T>::value) return nested_schema<typename T::value_type>();
  else if constexpr (is_named<T>::value) return nested_schema<typename T::value_type::second_type>();
  else if constexpr (is_vector<T>::value) return nested_schema<typename T::value_type>();
  else if constexpr (Described<T>) return Schema::of<T>();
  else return nullptr;
}

template <typename T> struct member_of;
template <typename C, typename M> struct member_of<M C::*> { using Class = C; using Type = M; };

}  // namespace schema_detail

template <Described T>
std::shared_ptr<const Schema> Schema::of() {
  static const std::shared_ptr<const Schema> kSchema = [] {
    auto schema = std::make_shared<Schema>();
    T::describe(*schema);
    return schema;
  }();
  return kSchema;
}

template <auto Member>
FieldInfo& Schema::field(std::string name, std::string doc) {
  using Class = typename schema_detail::member_of<decltype(Member)>::Class;
  using Type = typename schema_detail::member_of<decltype(Member)>::Type;
  SYMPHONY_ASSERT(!find(name));
  FieldInfo& info = fields_.emplace_back();
  info.name = std::move(name);
  info.doc = std::move(doc);
  info.type = schema_detail::type_name<Type>();
  info.nested = schema_detail::nested_schema<Type>();
  const std::size_t index = fields_.size() - 1;
  // The closures look their FieldInfo up by index through the schema's own copy, so that ranges declared afterwards count.
  info.assign = [this, index](void* object, const Value& value, SchemaReader& reader) {
    schema_detail::read_into(static_cast<Class*>(object)->*Member, value, fields_[index], reader);
  };
  info.read = [this, index](const void* object) {
    return schema_detail::write_out(static_cast<const Class*>(object)->*Member, fields_[index]);
  };
  info.visit_methods = [this, index](void* object, const MethodVisitor& visitor, std::vector<std::string> path) {
    schema_detail::visit(static_cast<Class*>(object)->*Member, fields_[index], visitor, std::move(path));
  };
  const Class defaults{};
  info.default_value = info.read(&defaults);
  return info;
}

template <auto Member>
FieldInfo& Schema::method(std::string category, std::string doc) {
  open_method_ = fields_.size();
  FieldInfo& info = field<Member>("method", std::move(doc));
  info.category = std::move(category);
  return info;
}

template <Described T>
T from_value(const Value& tree, std::string_view where) {
  T object{};
  const auto issues = Schema::of<T>()->assign(&object, tree);
  if (issues.empty()) return object;
  std::string text;
  for (const SchemaIssue& issue : issues) {
    if (!text.empty()) text += '\n';
    text += fmt::format("{}: {}{}{}", where, path_text(issue.path), issue.path.empty() ? "" : ": ", issue.message);
  }
  throw ConfigError(text);
}

}  // namespace symphony
