// What a plain YAML scalar means. Private to the config room.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "core/base/value.hpp"

namespace symphony {

/// The value of an unquoted scalar, or why it is refused: what another reader would take for something else.
std::variant<Value, std::string> resolve_plain_scalar(std::string_view text);

}  // namespace symphony
