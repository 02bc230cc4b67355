// Changes given on the command line, and the paths by which they, and the axes of a sweep, name a place in the tree:
//   router.k=1      replaces a value that is there         +training.x=2   adds one that is not
//   seeds=[1,2]     values are YAML                        ~fusion.norm    removes one
//   models[0].x=1 or models.0.x=1    counts list items from 0; +models[n]=... appends to a list of n
// Where the tree says just a method's name, the path may go on: `router.method=hash` and `+router.k=1` work for `router: switch`. Naming
// another method drops the old one's parameters, as in merge().
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/config/node.hpp"

namespace symphony {

/// What set_path does when the place is absent or present.
enum class Presence {
  required,  ///< the place must be there: a misspelt key must not pass for a new one
  absent,    ///< it must not be there; maps on the way are made
  any,
};

/// Puts `value` at "a.b[0].c". Throws ConfigError led by `who`, naming the first part of the path that is wrong and its nearest key.
void set_path(Node& root, std::string_view path, Node value, Presence presence, std::string_view who);

/// Removes a map's key or a list's item.
void remove_path(Node& root, std::string_view path, std::string_view who);

/// Applies one override; what it adds is marked "override '<text>'".
void apply_override(Node& root, std::string_view text);

/// Applies them in order. Throws one ConfigError with a line for each that is wrong.
void apply_overrides(Node& root, std::span<const std::string> texts);

}  // namespace symphony
