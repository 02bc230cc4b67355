// Calibration tokens: training text, an equal share of each domain, the same for every variant under one seed. Statistics, the invariance
// check and the router's first values are taken on them.
#pragma once

#include <string>
#include <vector>

#include "core/data/batch.hpp"
#include "core/pipeline/builder.hpp"

namespace symphony {

/// The part of a stage's identity that calibration contributes; its text stages must be among the stage's inputs.
Value calibration_identity(const StageBuilder& builder);
std::vector<std::string> calibration_domains(const StageBuilder& builder);
/// `texts` in the order of calibration_domains, which `domains_N` indexes.
CalibrationWindows load_calibration(const StageBuilder& builder, const std::vector<StagePtr>& texts, const StageFolder& folder);

/// The training streams of text stages.
std::vector<std::shared_ptr<const TokenStream>> training_streams(const std::vector<StagePtr>& texts, const StageFolder& folder);

}  // namespace symphony
