// config.json of a Hugging Face directory and the spec that it describes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

/// Tokens that generation starts from, stops at and fills with.
struct SpecialTokenIds {
  std::optional<std::int64_t> bos, pad;
  std::vector<std::int64_t> eos;
  friend bool operator==(const SpecialTokenIds&, const SpecialTokenIds&) = default;
};

/// Reads every field that changes what the model computes; a value that we do not compute (rope scaling, other activations, biases,
/// sliding windows, quantisation) is refused. Fields that transformers leaves out take its defaults. Throws DataError led by `where`.
ModelSpec spec_from_config(const Value& config, std::string_view where);
SpecialTokenIds token_ids_from_config(const Value& config, std::string_view where);

/// The inverse. model_type is "llama", "qwen2" or "mixtral" when transformers computes the same function from the tensors, otherwise
/// "symphony_moe", which transformers refuses; its section `symphony` holds family, router and output scale. `dtype` as transformers
/// writes it ("float32"). Throws DataError led by `where` for a spec that no configuration describes.
Value config_from_spec(const ModelSpec& spec, const SpecialTokenIds& token_ids, std::string_view dtype, std::string_view where);

}  // namespace symphony
