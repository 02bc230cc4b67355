// Rotary positions in config.json: "rope_theta" and "rope_scaling" of older files, "rope_parameters" with both of newer ones.
#pragma once

#include "core/model/config_fields.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

struct RopeSettings {
  double theta = 0.0;
  std::optional<RopeScaling> scaling;
};

/// Throws DataError for rope types that we do not compute (dynamic, yarn, longrope, ...), for a field that the type does not have, and for
/// two statements that differ.
RopeSettings read_rope(const ConfigFields& config, double absent_theta);

/// The value of "rope_scaling": null, or what read_rope reads.
Value rope_scaling_value(const ModelSpec& spec);

}  // namespace symphony
