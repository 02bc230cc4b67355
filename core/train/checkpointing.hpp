// Where a training run stands, as one safetensors file: the parameters being trained ("parameter/<name>"), AdamW's moments, and as metadata
// the steps done and the settings. Written durably under another name and renamed, so that a kill leaves the old file or the new one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/train/optimiser.hpp"

namespace symphony {

/// `identity` says what run this is (settings, seed, parts); only a run of equal identity may continue from the file.
void save_checkpoint(const std::filesystem::path& path, const TensorMap& parameters, const AdamW& optimiser, const std::string& identity);

/// Reads parameters and optimiser in place, exactly. Throws DataError when the file belongs to another run or lacks a tensor.
void restore_checkpoint(const std::filesystem::path& path, const TensorMap& parameters, AdamW& optimiser, const std::string& identity);

}  // namespace symphony
