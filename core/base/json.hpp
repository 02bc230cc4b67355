// JSON text to and from the plain data tree.
#pragma once

#include <string>
#include <string_view>

#include "core/base/value.hpp"

namespace symphony {

inline constexpr int kMaxJsonDepth = 100;

/// Strict JSON (RFC 8259) with keys in the order written. Integers in the range of int64 stay exact, all other numbers are doubles. Throws
/// DataError "<where>:line:column: ..." for bad syntax, bad UTF-8, a duplicate key, or nesting deeper than kMaxJsonDepth.
Value parse_json(std::string_view text, std::string_view where);

/// The text that parse_json reads back to an equal value. `indent` < 0 gives one line. Throws DataError for NaN, infinity and text that is not
/// UTF-8, which JSON cannot hold.
std::string to_json(const Value& value, int indent = -1);

}  // namespace symphony
