// The tiny models of tests/reference/families_golden.json, as transformers saves them: configuration and names from the file, tensors from the
// formula that families_golden.py states.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/tensor/tensor_source.hpp"

namespace symphony::testing {

struct GoldenModel {
  std::string name;
  Value config;
  TensorMap tensors;                   ///< under their names on disk
  std::vector<std::int64_t> prompt;
  torch::Tensor logits_TV;             ///< of the prompt
  std::vector<std::int64_t> greedy;    ///< what follows
};

/// In the order of the file.
std::vector<GoldenModel> golden_models();
GoldenModel golden_model(const std::string& name);

/// config.json and model.safetensors in `directory`, which is created.
void write_golden(const std::filesystem::path& directory, const GoldenModel& model);

}  // namespace symphony::testing
