// Typed access to the members of a JSON map.
#include "core/model/config_fields.hpp"

#include "core/base/error.hpp"

namespace symphony {

ConfigFields::ConfigFields(const Value& tree, std::string where) : tree_(tree), where_(std::move(where)) {
  if (!tree.is_map()) fail<DataError>(where_, "got {}, expected a map", tree.describe());
}

const Value* ConfigFields::find(std::string_view key) const {
  const Value* value = tree_.find(key);
  return value && !value->is_null() ? value : nullptr;
}

const Value& ConfigFields::required(std::string_view key) const {
  const Value* value = find(key);
  if (!value) fail<DataError>(where_, "has no {}", key);
  return *value;
}

double ConfigFields::number(std::string_view key, double absent) const {
  const Value* value = find(key);
  if (!value) return absent;
  if (!value->is_number()) fail<DataError>(where_, "{} is {}, expected a number", key, value->describe());
  return value->as_double();
}

bool ConfigFields::flag(std::string_view key, bool absent) const {
  const Value* value = find(key);
  if (!value) return absent;
  if (!value->is_bool()) fail<DataError>(where_, "{} is {}, expected true or false", key, value->describe());
  return value->as_bool();
}

const std::string& ConfigFields::text(std::string_view key) const {
  const Value& value = required(key);
  if (!value.is_string()) fail<DataError>(where_, "{} is {}, expected a string", key, value.describe());
  return value.as_string();
}

std::int64_t ConfigFields::as_integer(std::string_view key, const Value& value) const {
  if (!value.is_int()) fail<DataError>(where_, "{} is {}, expected an integer", key, value.describe());
  return value.as_int();
}

}  // namespace symphony
