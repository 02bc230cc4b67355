// The formula of families_golden.py, and directories made with it.
#include "tests/support/golden_checkpoint.hpp"

#include <memory>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony::testing {

namespace {

std::uint32_t fnv1a(std::string_view text) {
  std::uint32_t value = 2166136261u;
  for (const char byte : text) value = (value ^ static_cast<unsigned char>(byte)) * 16777619u;
  return value;
}

std::uint32_t mixed(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
  x = (x ^ (x >> 13)) * 0xC2B2AE35u;
  return x ^ (x >> 16);
}

torch::Tensor formula(const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto has = [&name](const char* part) { return name.find(part) != std::string::npos; };
  const float offset = name.ends_with("norm.weight") ? 1.0f : 0.0f;
  const float scale = has("embed_tokens") || has("lm_head") || has("gate.weight") ? 0.5f : 0.25f;
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  const std::uint32_t seed = fnv1a(name);
  for (std::int64_t place = 0; place < tensor.numel(); ++place) {
    const std::uint32_t x = mixed(seed + 2654435761u * static_cast<std::uint32_t>(place));
    tensor.data_ptr<float>()[place] = offset + scale * (static_cast<float>(x >> 20) - 2048.0f) / 2048.0f;
  }
  return tensor;
}

std::vector<std::int64_t> integers(const Value& list) {
  std::vector<std::int64_t> result;
  for (const Value& value : list.as_list()) result.push_back(value.as_int());
  return result;
}

GoldenModel read_model(const std::string& name, const Value& entry, const std::vector<std::int64_t>& prompt) {
  GoldenModel model{name, *entry.find("config"), {}, prompt, {}, integers(*entry.find("greedy"))};
  for (const auto& [tensor, shape] : entry.find("tensors")->as_map()) model.tensors[tensor] = formula(tensor, integers(shape));
  std::vector<float> logits;
  for (const Value& logit : entry.find("logits")->as_list()) logits.push_back(static_cast<float>(logit.as_double()));
  model.logits_TV = torch::tensor(logits).view({static_cast<std::int64_t>(prompt.size()), -1});
  return model;
}

}  // namespace

std::vector<GoldenModel> golden_models() {
  const std::string path = SYMPHONY_SOURCE_DIR "/tests/reference/families_golden.json";
  const Value tree = parse_json(read_text(path), path);
  const auto prompt = integers(*tree.find("prompt"));
  std::vector<GoldenModel> models;
  for (const auto& [name, entry] : tree.find("models")->as_map()) models.push_back(read_model(name, entry, prompt));
  return models;
}

GoldenModel golden_model(const std::string& name) {
  for (GoldenModel& model : golden_models())
    if (model.name == name) return std::move(model);
  throw std::invalid_argument("no golden model " + name);
}

void write_golden(const std::filesystem::path& directory, const GoldenModel& model) {
  std::filesystem::create_directories(directory);
  atomic_write(directory / "config.json", to_json(model.config, 2));
  SafetensorsSink sink(directory / "model.safetensors", {{"format", "pt"}});
  copy_tensors(MemorySource(model.tensors, "golden"), sink);
}

}  // namespace symphony::testing
