// Typed access with one wording for all that can be wrong.
#include "core/data/json_object.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

JsonObject::JsonObject(const Value& value, std::string where, std::string name, std::initializer_list<const char*> known)
    : value_(value), where_(std::move(where)), name_(std::move(name)) {
  if (!value.is_map()) fail<DataError>(where_, "{} is {}, expected a map", name_, value.describe());
  const std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [key, unused] : value.as_map())
    if (std::find(names.begin(), names.end(), key) == names.end())
      fail<DataError>(where_, "{} has the key {}, which is not supported; {}", name_, quoted(key), name_hint(key, names));
}

void JsonObject::refuse(const std::string& message) const { fail<DataError>(where_, "{}: {}", name_, message); }

const Value& JsonObject::at(const char* key) const {
  const Value* found = value_.find(key);
  if (!found) refuse(fmt::format("the key '{}' is missing", key));
  return *found;
}

const Value* JsonObject::find(const char* key) const {
  const Value* found = value_.find(key);
  return found && !found->is_null() ? found : nullptr;
}

const ValueList& JsonObject::list(const char* key) const {
  if (!at(key).is_list()) refuse(fmt::format("'{}' is {}, expected a list", key, at(key).describe()));
  return at(key).as_list();
}

const ValueMap& JsonObject::map(const char* key) const {
  if (!at(key).is_map()) refuse(fmt::format("'{}' is {}, expected a map", key, at(key).describe()));
  return at(key).as_map();
}

std::string JsonObject::text(const char* key) const {
  if (!at(key).is_string()) refuse(fmt::format("'{}' is {}, expected text", key, at(key).describe()));
  return at(key).as_string();
}

bool JsonObject::flag(const char* key) const {
  if (!at(key).is_bool()) refuse(fmt::format("'{}' is {}, expected true or false", key, at(key).describe()));
  return at(key).as_bool();
}

bool JsonObject::flag(const char* key, bool fallback) const { return find(key) ? flag(key) : fallback; }

std::int64_t JsonObject::number(const char* key) const {
  constexpr std::int64_t kLargest = std::int64_t{1} << 31;
  if (!at(key).is_int() || at(key).as_int() < 0 || at(key).as_int() > kLargest)
    refuse(fmt::format("'{}' is {}, expected an integer from 0 to {}", key, at(key).describe(), kLargest));
  return at(key).as_int();
}

std::string json_type(const Value& value, const std::string& where, const std::string& name) {
  if (!value.is_map()) fail<DataError>(where, "{} is {}, expected a map", name, value.describe());
  const Value* type = value.find("type");
  if (!type || !type->is_string()) fail<DataError>(where, "{} has no 'type', expected its name", name);
  return type->as_string();
}

}  // namespace symphony
