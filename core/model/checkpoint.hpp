// Models as Hugging Face directories: config.json, model.safetensors (or shards and their index), tokenizer.json. What transformers can load
// of what is written here: every dense model, and every Mixture-of-Experts that computes what Mixtral computes (is_mixtral); any other
// carries a model_type that it refuses by name, rather than being run as something else.
#pragma once

#include <filesystem>
#include <string>

#include "core/model/checkpoint_config.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

struct CheckpointExtras {
  std::string tokenizer_json;  ///< text of tokenizer.json; "" writes none
  SpecialTokenIds token_ids;
};

/// The model in `directory`, named after it; its tensors are mapped, not read, and keep their dtypes. Throws DataError for a configuration
/// that we do not compute, for missing or extra tensors (with their nearest names), and for shapes or dtypes that contradict config.json.
/// Of a Mixture-of-Experts, spec.ffn_size is the width of an expert. Router parameters are checked by whoever knows the router.
Model read_checkpoint(const std::filesystem::path& directory);

/// What belongs to the model in `directory` besides its tensors.
CheckpointExtras read_checkpoint_extras(const std::filesystem::path& directory);

/// Writes `model` with the dtypes it has, one tensor in memory at a time. The directory appears whole or not at all, and replaces an
/// existing one. Throws DataError when the tensors are not those of the spec or the spec has no layout on disk.
void write_checkpoint(const std::filesystem::path& directory, const Model& model, const CheckpointExtras& extras = {});

}  // namespace symphony
