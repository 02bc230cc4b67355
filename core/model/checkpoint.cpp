// Directories: configuration and tensors are read apart and held against each other.
#include "core/model/checkpoint.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/links.hpp"
#include "core/model/checkpoint_tensors.hpp"
#include "core/model/packed_experts.hpp"
#include "core/model/tokenizer_config.hpp"
#include "core/tensor/cast_source.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kGenerationFile = "generation_config.json";
constexpr const char* kTokenizerFile = "tokenizer.json";
constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
constexpr const char* kEmbedding = "model.embed_tokens.weight";

Value read_config(const fs::path& directory) {
  const fs::path path = directory / kConfigFile;
  if (!fs::exists(fs::symlink_status(path))) fail<DataError>(directory.string(), "has no {}; expected a Hugging Face model directory", kConfigFile);
  refuse_link_out(path);
  return parse_json(read_text(path), path.string());
}

/// As transformers writes it: "float32", "bfloat16".
std::string config_dtype(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat64: return "float64";
    case torch::kFloat16: return "float16";
    case torch::kBFloat16: return "bfloat16";
    default: return "float32";
  }
}

void write_files(const fs::path& directory, const Model& given, const CheckpointExtras& extras, const CheckpointFormat& format, const ByteProgress& progress,
                 const std::string& label) {
  Model model = given;
  const Family& family = family_to_write(model.spec, format.family, label);
  if (format.dtype) model.tensors = std::make_shared<const CastSource>(model.tensors, *format.dtype);
  const auto tensors = disk_view(model, family, format.experts, label);
  const Value config = config_from_spec(model.spec, family, extras.token_ids, config_dtype(tensors->info(kEmbedding).dtype), label);
  Value generation = ValueMap{};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) generation.set(key, *config.find(key));
  atomic_write(directory / kConfigFile, to_json(config, 2) + "\n");
  atomic_write(directory / kGenerationFile, to_json(generation, 2) + "\n");
  if (!extras.tokenizer_json.empty()) {
    atomic_write(directory / kTokenizerFile, extras.tokenizer_json);
    const Value tokenizer = written_tokenizer_config(extras.tokenizer_config, extras.token_ids, extras.tokenizer_json, model.spec.max_positions);
    atomic_write(directory / kTokenizerConfigFile, to_json(tokenizer, 2) + "\n");
  }
  write_safetensors(directory, *tensors, {{"format", "pt"}}, format.max_file_bytes, progress);
}

}  // namespace

Model read_checkpoint(const fs::path& directory) {
  const std::string where = (directory / kConfigFile).string();
  const Value config = read_config(directory);
  const ModelSpec spec = spec_from_config(config, where);
  const fs::path normal = (directory / "").lexically_normal().parent_path();
  auto tensors = canonical_view(std::make_shared<const SafetensorsSource>(directory), spec, family_of_config(config, where), directory.string());
  return {spec, std::move(tensors), normal.filename().string()};
}

CheckpointExtras read_checkpoint_extras(const fs::path& directory) {
  CheckpointExtras extras;
  if (fs::exists(directory / kTokenizerFile)) {
    refuse_link_out(directory / kTokenizerFile);
    extras.tokenizer_json = read_text(directory / kTokenizerFile);
  }
  extras.token_ids = token_ids_from_config(read_config(directory), (directory / kConfigFile).string());
  if (const fs::path generation = directory / kGenerationFile; fs::exists(fs::symlink_status(generation))) {
    // Models that were tuned to chat often end a turn with a token that only this file names.
    refuse_link_out(generation);
    std::vector<std::int64_t>& ends = extras.token_ids.eos;
    for (const std::int64_t end : token_ids_from_config(parse_json(read_text(generation), generation.string()), generation.string()).eos)
      if (std::find(ends.begin(), ends.end(), end) == ends.end()) ends.push_back(end);
  }
  extras.tokenizer_config = read_tokenizer_config(directory);
  return extras;
}

CheckpointFormat read_checkpoint_format(const fs::path& directory) {
  CheckpointFormat format;
  format.family = family_of_config(read_config(directory), (directory / kConfigFile).string()).model_type;
  if (has_packed_experts(SafetensorsSource(directory))) format.experts = ExpertLayout::packed;
  return format;
}

void write_checkpoint(const fs::path& directory, const Model& model, const CheckpointExtras& extras, const CheckpointFormat& format,
                      const ByteProgress& progress) {
  const fs::path target = (directory / "").lexically_normal().parent_path();
  const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  const fs::path building = make_temporary_directory(parent, fmt::format(".{}", target.filename().string()));
  try {
    write_files(building, model, extras, format, progress, target.string());
    commit_directory(building, target);
  } catch (...) {
    remove_tree(building);
    throw;
  }
}

}  // namespace symphony
