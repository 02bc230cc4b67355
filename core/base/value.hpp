// A plain data tree: what a YAML document, a JSON file and a typed parameter struct have in common.
// It carries no positions; the config room keeps those beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace symphony {

class Value;
using ValueList = std::vector<Value>;
using ValueMap = std::vector<std::pair<std::string, Value>>;  ///< in the order written

class Value {
 public:
  Value() = default;  ///< null
  Value(bool flag) : data_(flag) {}
  Value(int number) : data_(static_cast<std::int64_t>(number)) {}
  Value(std::int64_t number) : data_(number) {}
  Value(double number) : data_(number) {}
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(ValueList list) : data_(std::move(list)) {}
  Value(ValueMap map) : data_(std::move(map)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(data_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_list() const { return std::holds_alternative<ValueList>(data_); }
  bool is_map() const { return std::holds_alternative<ValueMap>(data_); }

  /// Each throws Error (our own bug) when the value is of another type.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_double() const;  ///< also from an integer
  const std::string& as_string() const;
  const ValueList& as_list() const;
  const ValueMap& as_map() const;
  ValueList& as_list();
  ValueMap& as_map();

  /// The value under `key` of a map, or nullptr.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// Sets or replaces `key` of a map (a null value becomes a map first).
  Value& set(std::string_view key, Value value);

  /// "a map", "a list", "the number 3", "the string 'x'", "null": for messages.
  std::string describe() const;
  friend bool operator==(const Value& a, const Value& b) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, ValueList, ValueMap> data_;
};

}  // namespace symphony
