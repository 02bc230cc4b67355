// The configuration as it will run, defaults included: as YAML text and as a list of where each value came from.
#pragma once

#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/config/node.hpp"

namespace symphony {

/// Deterministic block-style YAML that parse_document reads back to an equal value; `value` must be a map or a list to be a document. Throws
/// DataError for NaN, infinity and text that is not UTF-8.
std::string to_yaml(const Value& value);

struct Origin {
  std::string path;   ///< "router.k"
  std::string place;  ///< "a.yaml:3:5", "override 'router.k=1'" or "default"
};

/// One entry for every scalar and every empty list or map of `resolved`, in its order. `written` is the merged tree it was bound from.
std::vector<Origin> origins(const Value& resolved, const Node& written);

}  // namespace symphony
