// The transforms of an alignment on disk: one safetensors file with a tensor "{source}/{group}/{entries}" for each of Transform::to_tensors, where
// {source} counts the merged sources from 0.
#pragma once

#include <filesystem>
#include <vector>

#include "core/align/transform.hpp"

namespace symphony {

struct StoredTransforms {
  bool unties = false;              ///< whether they act on models with a head of their own
  std::vector<TransformSet> sets;   ///< one a source
};

/// Atomically.
void write_transforms(const std::filesystem::path& path, const StoredTransforms& stored);
/// Throws DataError for what is no such file. Matrices point into the file's mapping.
StoredTransforms read_transforms(const std::filesystem::path& path);

}  // namespace symphony
