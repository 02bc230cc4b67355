// Typed access to the members of a JSON map: an absent member and null are the same, a wrong type is an error that names the place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/value.hpp"

namespace symphony {

class ConfigFields {
 public:
  /// `tree` must outlive this. Throws DataError led by `where` unless it is a map, as every reader below for what does not fit.
  ConfigFields(const Value& tree, std::string where);

  const std::string& where() const { return where_; }
  const Value* find(std::string_view key) const;  ///< nullptr for null, too
  bool states(std::string_view key) const { return tree_.find(key) != nullptr; }  ///< be it as null
  const Value& required(std::string_view key) const;
  std::int64_t integer(std::string_view key) const { return as_integer(key, required(key)); }
  std::int64_t integer(std::string_view key, std::int64_t absent) const { return find(key) ? integer(key) : absent; }
  double number(std::string_view key, double absent) const;
  bool flag(std::string_view key, bool absent = false) const;
  const std::string& text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view absent) const { return find(key) ? text(key) : std::string(absent); }
  std::int64_t as_integer(std::string_view key, const Value& value) const;

 private:
  const Value& tree_;
  std::string where_;
};

}  // namespace symphony
