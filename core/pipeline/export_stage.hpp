// The export stage: the model at the end of a run as a Hugging Face directory, in the family, layout and type that the experiment asks for.
#pragma once

#include <string>

#include "core/pipeline/builder.hpp"

namespace symphony {

/// The folder of the model within the stage's.
inline constexpr const char* kExportedFolder = "model";

/// `model` with the tokenizer and special tokens of the anchor. Throws ConfigError, before anything runs, when its spec does not fit the family.
StagePtr make_export(const StageBuilder& builder, const ModelHandle& model, const ExportSettings& settings);

}  // namespace symphony
