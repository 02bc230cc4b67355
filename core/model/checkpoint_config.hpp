// config.json of a Hugging Face directory and the spec that it describes. family.hpp says what each model_type means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"
#include "core/model/family.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

/// Tokens that generation starts from, stops at and fills with.
struct SpecialTokenIds {
  std::optional<std::int64_t> bos, pad;
  std::vector<std::int64_t> eos;
  friend bool operator==(const SpecialTokenIds&, const SpecialTokenIds&) = default;
};

/// Reads every field that changes what the model computes; a value that we do not compute (other rope types and activations, switched windows,
/// biases elsewhere than on q, k and v, layers of different kinds, quantisation) is refused. Fields that transformers leaves out take its
/// defaults. Throws DataError led by `where`.
ModelSpec spec_from_config(const Value& config, std::string_view where);
const Family& family_of_config(const Value& config, std::string_view where);
SpecialTokenIds token_ids_from_config(const Value& config, std::string_view where);

/// The inverse, as `family` (family_to_write). Our own symphony_moe has a section `symphony` with family, router and output scale. `dtype` as
/// transformers writes it ("float32"). Throws DataError led by `where` for a spec that the family does not describe.
Value config_from_spec(const ModelSpec& spec, const Family& family, const SpecialTokenIds& token_ids, std::string_view dtype, std::string_view where);

}  // namespace symphony
