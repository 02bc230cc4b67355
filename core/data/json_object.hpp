// A map of a JSON file whose keys must all be known: what a file says and nobody reads is refused, not ignored.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "core/base/value.hpp"

namespace symphony {

/// Refers to the value, which must outlive it. Everything throws DataError led by `where`.
class JsonObject {
 public:
  /// `name` is what messages call the map: "the pre_tokenizer 'Split'". Throws unless it is a map whose keys are all among `known`.
  JsonObject(const Value& value, std::string where, std::string name, std::initializer_list<const char*> known);

  /// The value under `key`; throws when it is missing.
  const Value& at(const char* key) const;
  /// Null and missing are alike.
  const Value* find(const char* key) const;
  const ValueList& list(const char* key) const;
  const ValueMap& map(const char* key) const;
  std::string text(const char* key) const;
  bool flag(const char* key) const;
  bool flag(const char* key, bool fallback) const;
  /// A count or an index.
  std::int64_t number(const char* key) const;

  [[noreturn]] void refuse(const std::string& message) const;
  const std::string& where() const { return where_; }

 private:
  const Value& value_;
  std::string where_, name_;
};

/// The text under "type" of a map; `name` is what messages call the map.
std::string json_type(const Value& value, const std::string& where, const std::string& name);

}  // namespace symphony
