// Directories: configuration and tensors are read apart and held against each other.
#include "core/model/checkpoint.hpp"

#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/model/checkpoint_names.hpp"
#include "core/tensor/renamed_source.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kGenerationFile = "generation_config.json";
constexpr const char* kTensorFile = "model.safetensors";
constexpr const char* kTokenizerFile = "tokenizer.json";
constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
constexpr const char* kHead = "lm_head.weight";
constexpr const char* kEmbedding = "model.embed_tokens.weight";

using NameMap = std::map<std::string, std::string, std::less<>>;  ///< canonical to the name in a source

std::string listed(const std::vector<std::string>& names, const std::vector<std::string>& candidates) {
  constexpr std::size_t kShown = 6;
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    if (parts.size() == kShown) {
      parts.push_back("...");
      break;
    }
    const auto near = nearest_name(name, candidates);
    parts.push_back(near ? fmt::format("{} (is it {}?)", quoted(name), quoted(*near)) : quoted(name));
  }
  return join(parts, ", ");
}

/// Shapes and element types of the tensors that the spec lists, and of the router's that it implies.
void check_tensor(const TensorSource& source, const std::string& name, const std::vector<std::int64_t>& shape) {
  const TensorInfo& info = source.info(name);
  if (info.shape != shape)
    fail<DataError>(source.label(), "tensor {} has shape {}, the configuration asks for {}", quoted(name), shape_text(info.shape), shape_text(shape));
  if (!torch::isFloatingType(info.dtype))
    fail<DataError>(source.label(), "tensor {} is {}, expected a floating-point type", quoted(name), torch::toString(info.dtype));
}

/// Old files store the rotary frequencies, which follow from rope_theta.
bool is_derived(std::string_view name) { return name.ends_with(".rotary_emb.inv_freq"); }

/// A tied head may be stored all the same, as the embedding's double.
bool is_tied_double(const TensorSource& source, const ModelSpec& spec, std::string_view name) {
  if (!spec.tied_head || name != kHead) return false;
  if (!torch::equal(source.get(kHead), source.get(kEmbedding)))
    fail<DataError>(source.label(), "tie_word_embeddings is true, but {} differs from {}", kHead, kEmbedding);
  return true;
}

/// Canonical names to those that `source` uses, `name_in_source(canonical)`; every tensor of the spec must be there, and nothing else but
/// router parameters.
template <typename NameInSource>
NameMap match_tensors(const TensorSource& source, const ModelSpec& spec, NameInSource&& name_in_source) {
  NameMap matched;
  std::set<std::string, std::less<>> used;
  std::vector<std::string> missing, extra;
  const auto match = [&](const std::string& canonical, const std::vector<std::int64_t>& shape) {
    const std::string name = name_in_source(canonical);
    used.insert(name);
    if (!source.find(name)) return missing.push_back(name);
    check_tensor(source, name, shape);
    matched.emplace(canonical, name);
  };
  for (const SpecTensor& tensor : spec_tensors(spec)) match(tensor.name, tensor.shape);
  for (std::int64_t layer = 0; is_mixtral(spec) && layer < spec.num_layers; ++layer)
    match(layer_prefix(layer) + "mlp.router.weight", {spec.moe->num_experts, spec.hidden_size});
  for (const TensorInfo& info : source.infos()) {
    if (used.count(info.name) || is_derived(info.name)) continue;
    const std::int64_t layer = spec.moe && !is_mixtral(spec) ? router_layer(info.name) : -1;
    if (layer >= 0 && layer < spec.num_layers) matched.emplace(info.name, info.name);
    else extra.push_back(info.name);
  }
  if (missing.empty() && extra.size() == 1 && is_tied_double(source, spec, extra.front())) extra.clear();
  if (!missing.empty())
    fail<DataError>(source.label(), "{} tensors of the configuration are missing: {}{}", missing.size(), listed(missing, extra),
                    !spec.tied_head && missing.front() == kHead ? "; is tie_word_embeddings true?" : "");
  if (!extra.empty()) fail<DataError>(source.label(), "{} tensors are not in the configuration: {}", extra.size(), listed(extra, {}));
  return matched;
}

Value read_config(const fs::path& directory) {
  const fs::path path = directory / kConfigFile;
  if (!fs::exists(path)) fail<DataError>(directory.string(), "has no {}; expected a Hugging Face model directory", kConfigFile);
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

void write_files(const fs::path& directory, const Model& model, const CheckpointExtras& extras, const std::string& label) {
  const auto names = match_tensors(*model.tensors, model.spec, [](const std::string& canonical) { return canonical; });
  NameMap canonical_of;
  for (const auto& [canonical, unused] : names) canonical_of.emplace(disk_name(model.spec, canonical), canonical);
  const Value config = config_from_spec(model.spec, extras.token_ids, config_dtype(model.tensors->info(kEmbedding).dtype), label);
  Value generation = ValueMap{};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) generation.set(key, *config.find(key));
  atomic_write(directory / kConfigFile, to_json(config, 2) + "\n");
  atomic_write(directory / kGenerationFile, to_json(generation, 2) + "\n");
  if (!extras.tokenizer_json.empty()) {
    atomic_write(directory / kTokenizerFile, extras.tokenizer_json);
    // Without it, transformers would choose a tokenizer by model_type, whose own pre-processing differs.
    const Value tokenizer = ValueMap{{"tokenizer_class", "PreTrainedTokenizerFast"}, {"model_max_length", model.spec.max_positions}};
    atomic_write(directory / kTokenizerConfigFile, to_json(tokenizer, 2) + "\n");
  }
  SafetensorsSink sink(directory / kTensorFile, {{"format", "pt"}});
  copy_tensors(RenamedSource(model.tensors, canonical_of, label), sink);
}

}  // namespace

Model read_checkpoint(const fs::path& directory) {
  const ModelSpec spec = spec_from_config(read_config(directory), (directory / kConfigFile).string());
  const auto stored = std::make_shared<const SafetensorsSource>(directory);
  NameMap names = match_tensors(*stored, spec, [&](const std::string& canonical) { return disk_name(spec, canonical); });
  const fs::path normal = (directory / "").lexically_normal().parent_path();
  return {spec, std::make_shared<const RenamedSource>(stored, std::move(names), directory.string()), normal.filename().string()};
}

CheckpointExtras read_checkpoint_extras(const fs::path& directory) {
  CheckpointExtras extras;
  if (fs::exists(directory / kTokenizerFile)) extras.tokenizer_json = read_text(directory / kTokenizerFile);
  extras.token_ids = token_ids_from_config(read_config(directory), (directory / kConfigFile).string());
  return extras;
}

void write_checkpoint(const fs::path& directory, const Model& model, const CheckpointExtras& extras) {
  const fs::path target = (directory / "").lexically_normal().parent_path();
  const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
  const fs::path building = make_temporary_directory(parent, fmt::format(".{}", target.filename().string()));
  try {
    write_files(building, model, extras, target.string());
    commit_directory(building, target);
  } catch (...) {
    remove_tree(building);
    throw;
  }
}

}  // namespace symphony
