// Rotary positions in config.json, both spellings. Field names: transformers, modeling_rope_utils.
#include "core/model/rope_config.hpp"

#include <algorithm>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr const char* kOlder = "rope_scaling";
constexpr const char* kNewer = "rope_parameters";
constexpr const char *kFactor = "factor", *kLow = "low_freq_factor", *kHigh = "high_freq_factor", *kOriginal = "original_max_position_embeddings";

void check_known_fields(const Value& tree, const std::string& where, std::vector<std::string> fields) {
  fields.insert(fields.end(), {"rope_type", "type", "rope_theta", "partial_rotary_factor"});
  for (const auto& [key, value] : tree.as_map())
    if (!value.is_null() && std::find(fields.begin(), fields.end(), key) == fields.end())
      fail<DataError>(where, "unknown field {} for this rope type; {}", quoted(key), name_hint(key, fields));
}

double required_number(const ConfigFields& fields, const char* key) {
  fields.required(key);
  return fields.number(key, 0.0);
}

std::optional<RopeScaling> read_scaling(const ConfigFields& config, const char* key) {
  const Value* tree = config.find(key);
  if (!tree) return {};
  const ConfigFields fields(*tree, fmt::format("{}: {}", config.where(), key));
  if (fields.number("partial_rotary_factor", 1.0) != 1.0) fail<DataError>(fields.where(), "partial_rotary_factor is not supported, expected 1");
  const std::string kind = fields.text("rope_type", fields.text("type", "default"));
  if (kind == "default") return check_known_fields(*tree, fields.where(), {}), std::nullopt;
  RopeScaling scaling;
  scaling.kind = kind;
  if (kind == "linear") {
    check_known_fields(*tree, fields.where(), {kFactor});
  } else if (kind == "llama3") {
    check_known_fields(*tree, fields.where(), {kFactor, kLow, kHigh, kOriginal});
    scaling.low_frequency_factor = required_number(fields, kLow);
    scaling.high_frequency_factor = required_number(fields, kHigh);
    scaling.original_positions = fields.integer(kOriginal);
  } else {
    fail<DataError>(fields.where(), "the rope type is {}, expected 'default', 'linear' or 'llama3'", quoted(kind));
  }
  scaling.factor = required_number(fields, kFactor);
  return scaling;
}

}  // namespace

RopeSettings read_rope(const ConfigFields& config, double absent_theta) {
  const Value* newer = config.find(kNewer);
  const double nested = newer ? ConfigFields(*newer, config.where()).number("rope_theta", absent_theta) : absent_theta;
  const double theta = config.number("rope_theta", nested);
  if (newer && newer->find("rope_theta") && theta != nested)
    fail<DataError>(config.where(), "rope_theta is {} and in {} it is {}, expected the same", theta, kNewer, nested);
  const auto older_scaling = read_scaling(config, kOlder), newer_scaling = read_scaling(config, kNewer);
  if (config.find(kOlder) && newer && older_scaling != newer_scaling)
    fail<DataError>(config.where(), "{} and {} differ, expected the same or only one of them", kOlder, kNewer);
  return {theta, newer ? newer_scaling : older_scaling};
}

Value rope_scaling_value(const ModelSpec& spec) {
  if (!spec.rope_scaling) return {};
  const RopeScaling& scaling = *spec.rope_scaling;
  Value value = ValueMap{{"rope_type", scaling.kind}, {kFactor, scaling.factor}};
  if (scaling.kind == "linear") return value;
  value.set(kLow, scaling.low_frequency_factor);
  value.set(kHigh, scaling.high_frequency_factor);
  value.set(kOriginal, scaling.original_positions);
  return value;
}

}  // namespace symphony
