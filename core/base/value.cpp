// Checked access to the plain data tree.
#include "core/base/value.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

template <typename T, typename Data>
auto& checked(Data& data, const Value& value, const char* wanted) {
  if (auto* held = std::get_if<T>(&data)) return *held;
  throw Error(fmt::format("internal error: asked for {}, the value is {}", wanted, value.describe()));
}

}  // namespace

bool Value::as_bool() const { return checked<bool>(data_, *this, "a boolean"); }
std::int64_t Value::as_int() const { return checked<std::int64_t>(data_, *this, "an integer"); }
const std::string& Value::as_string() const { return checked<std::string>(data_, *this, "a string"); }
const ValueList& Value::as_list() const { return checked<ValueList>(data_, *this, "a list"); }
const ValueMap& Value::as_map() const { return checked<ValueMap>(data_, *this, "a map"); }
ValueList& Value::as_list() { return checked<ValueList>(data_, *this, "a list"); }
ValueMap& Value::as_map() { return checked<ValueMap>(data_, *this, "a map"); }

double Value::as_double() const {
  if (is_int()) return static_cast<double>(as_int());
  return checked<double>(data_, *this, "a number");
}

const Value* Value::find(std::string_view key) const {
  if (!is_map()) return nullptr;
  for (const auto& [name, value] : as_map())
    if (name == key) return &value;
  return nullptr;
}

Value* Value::find(std::string_view key) { return const_cast<Value*>(std::as_const(*this).find(key)); }

Value& Value::set(std::string_view key, Value value) {
  if (is_null()) data_ = ValueMap{};
  if (Value* present = find(key)) return *present = std::move(value);
  return as_map().emplace_back(std::string(key), std::move(value)).second;
}

std::string Value::describe() const {
  if (is_null()) return "null";
  if (is_bool()) return as_bool() ? "true" : "false";
  if (is_int()) return fmt::format("the number {}", as_int());
  if (is_number()) return fmt::format("the number {}", as_double());
  if (is_string()) return fmt::format("the string {}", quoted(as_string()));
  if (is_list()) return fmt::format("a list of {}", as_list().size());
  return "a map";
}

}  // namespace symphony
