// The alignment stage: the plugin's transforms for every source, and the proof that each transformed source still computes the same function.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/align/transform.hpp"
#include "core/pipeline/builder.hpp"

namespace symphony {

/// `sources` in the order of Experiment::merged_sources; `texts` in that of calibration_domains.
StagePtr make_alignment(const StageBuilder& builder, const std::vector<ModelHandle>& sources, const std::vector<StagePtr>& texts);

inline constexpr std::int64_t kCheckedWindows = 8;
/// The calibration windows on which an alignment is checked and measured: at most kCheckedWindows, spread over all, which are grouped by domain, so that
/// every domain takes part.
torch::Tensor checked_windows(const torch::Tensor& calibration_NT);

/// One set a source.
std::vector<TransformSet> load_transforms(const std::filesystem::path& folder);

/// The sources in the anchor's basis, as views; untied where the method asked for that. Groups that `left_out` names are not applied.
std::vector<Model> load_aligned(const std::vector<ModelHandle>& sources, const StagePtr& alignment, const StageFolder& folder,
                                const std::function<bool(const std::string& group)>& left_out = nullptr);
/// The spec that all aligned sources have.
ModelSpec aligned_spec(const StageBuilder& builder, ModelSpec spec);

/// The anchor's place among Experiment::merged_sources.
std::size_t anchor_index(const Experiment& experiment);

}  // namespace symphony
