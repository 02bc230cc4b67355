// Which parameters belong to which part.
#include "core/train/trainable.hpp"

#include <algorithm>
#include <array>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/decoder_parameters.hpp"

namespace symphony {

namespace {

struct Part {
  const char* name;
  bool (*holds)(const SpecTensor&);
};

bool is_expert(const SpecTensor& tensor) { return tensor.expert >= 0; }
bool is_router(const SpecTensor& tensor) { return tensor.kind == TensorKind::router; }

constexpr std::array<Part, 7> kParts{{
    {"all", [](const SpecTensor&) { return true; }},
    {"router", is_router},
    {"experts", is_expert},
    {"norms", [](const SpecTensor& tensor) { return tensor.kind == TensorKind::norm; }},
    {"embeddings", [](const SpecTensor& tensor) { return tensor.kind == TensorKind::embedding || tensor.kind == TensorKind::lm_head; }},
    {"attention", [](const SpecTensor& tensor) { return tensor.kind == TensorKind::attention; }},
    {"backbone", [](const SpecTensor& tensor) { return !is_expert(tensor) && !is_router(tensor); }},
}};

}  // namespace

std::vector<std::string> trainable_parts() {
  std::vector<std::string> result;
  for (const Part& part : kParts) result.emplace_back(part.name);
  return result;
}

std::vector<std::string> parts_without_parameters(const ModelSpec& spec, const Router* router, const std::vector<std::string>& parts) {
  const auto tensors = decoder_tensors(spec, router);
  std::vector<std::string> result;
  for (const Part& part : kParts)
    if (std::find(parts.begin(), parts.end(), part.name) != parts.end() && std::none_of(tensors.begin(), tensors.end(), part.holds)) result.emplace_back(part.name);
  return result;
}

TensorMap trainable_parameters(const LanguageModel& model, const std::vector<std::string>& parts) {
  const auto tensors = decoder_tensors(model.spec(), model.router());
  TensorMap result;
  for (const std::string& name : parts) {
    const auto part = std::find_if(kParts.begin(), kParts.end(), [&](const Part& candidate) { return name == candidate.name; });
    if (part == kParts.end()) fail<ConfigError>("training", "got part {} to train; {}", quoted(name), name_hint(name, trainable_parts()));
    bool found = false;
    for (const SpecTensor& tensor : tensors) {
      if (!part->holds(tensor)) continue;
      found = true;
      result.emplace(tensor.name, parameter(model.parameters(), tensor.name));
    }
    if (!found) fail<ConfigError>("training", "part {} has no parameters in this model, expected a part that it has", quoted(name));
  }
  if (result.empty()) fail<ConfigError>("training", "got no part to train, expected one or more of: {}", join(trainable_parts(), ", "));
  return result;
}

}  // namespace symphony
