// Models as Hugging Face directories: config.json, model.safetensors (or shards and their index), tokenizer.json. What transformers can load
// of what is written here: every dense model, and every Mixture-of-Experts that computes what a family of transformers computes (family.hpp);
// any other carries a model_type that it refuses by name, rather than being run as something else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/model/checkpoint_config.hpp"
#include "core/model/checkpoint_names.hpp"
#include "core/model/model_spec.hpp"
#include "core/tensor/safetensors_shards.hpp"

namespace symphony {

struct CheckpointExtras {
  std::string tokenizer_json;  ///< text of tokenizer.json; "" writes none
  SpecialTokenIds token_ids;   ///< of config.json; ends of a text that only generation_config.json names are among them
  Value tokenizer_config = ValueMap{};  ///< what read_tokenizer_config keeps
};

/// How a model is written, where there is a choice.
struct CheckpointFormat {
  std::string family;                         ///< model_type; "": the model's own, or the first that has what it computes
  ExpertLayout experts = ExpertLayout::separate;
  std::optional<torch::ScalarType> dtype;     ///< none: each tensor in the type it has; otherwise rounded once
  std::uint64_t max_file_bytes = 5'000'000'000;  ///< of tensors; what is larger is written in shards with an index. 0: one file
  friend bool operator==(const CheckpointFormat&, const CheckpointFormat&) = default;
};

/// The model in `directory`, named after it; its tensors are mapped, not read, and keep their dtypes. Throws DataError for a configuration
/// that we do not compute, for missing or extra tensors (with their nearest names), for shapes or dtypes that contradict config.json, for
/// links that lead out of the directory and for directories with pickles alone. Of a Mixture-of-Experts, spec.ffn_size is the width of an
/// expert. Router parameters are checked by whoever knows the router.
Model read_checkpoint(const std::filesystem::path& directory);

/// What belongs to the model in `directory` besides its tensors.
CheckpointExtras read_checkpoint_extras(const std::filesystem::path& directory);

/// The family and layout of experts that `directory` is written in.
CheckpointFormat read_checkpoint_format(const std::filesystem::path& directory);

/// Writes `model`, one tensor in memory at a time (a layer's experts, where they are packed). The directory appears whole or not at all, and
/// replaces an existing one. Throws DataError when the tensors are not those of the spec or the spec has no such format on disk.
void write_checkpoint(const std::filesystem::path& directory, const Model& model, const CheckpointExtras& extras = {},
                      const CheckpointFormat& format = {}, const ByteProgress& progress = {});

}  // namespace symphony
