// How far a stage is, by bytes.
#pragma once

#include <cstdint>

#include <fmt/format.h>

#include "core/base/text.hpp"
#include "core/pipeline/stage.hpp"
#include "core/tensor/safetensors_shards.hpp"

namespace symphony {

/// Reports bytes as the stage's share and in words, "1.2 GiB of 2.7 GiB"; the views of a running sweep add the time left. Throws as scope.progress.
inline ByteProgress byte_progress(const StageScope& scope) {
  return [progress = scope.progress](std::uint64_t done, std::uint64_t total) {
    const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
    progress(share, fmt::format("{} of {}", human_bytes(done), human_bytes(total)));
  };
}

}  // namespace symphony
