// The edits of an experiment, in order: what each learns is found once, in the assembly stage, and read back whenever the model is rebuilt.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "core/pipeline/builder.hpp"

namespace symphony {

/// The assembled model's surroundings, as edits see them.
struct EditSetting {
  const std::vector<Model>& aligned;
  std::vector<std::size_t> expert_sources;            ///< by expert
  std::function<torch::Tensor()> calibration_tokens;  ///< called only for edits that need them
};

/// Fits every edit on the model as the ones before left it, and stores what they learn in `folder`.
Model fit_edits(const StageBuilder& builder, Model model, const EditSetting& setting, StageScope& scope);

/// The same edits with what `folder` holds.
Model apply_edits(const StageBuilder& builder, Model model, const EditSetting& setting, const std::filesystem::path& folder);

}  // namespace symphony
