// The source stage: one dense model, trained here on its domain (perhaps from a start that it shares with others, or from a checkpoint) or taken
// from disk.
#pragma once

#include <string>

#include "core/pipeline/builder.hpp"
#include "core/pipeline/text_stage.hpp"

namespace symphony {

/// Throws DataError for a checkpoint that is not there, that cannot be trained on or whose tokenizer does not fit it.
ModelHandle make_source(const StageBuilder& builder, const std::string& name, TextCatalogue& texts);
/// The domain that a source stands for; "" if none.
std::string source_domain(const Experiment& experiment, const std::string& name);
/// Names and domains of the merged sources: part of the key of what is recorded under these names, chosen by them or compared with their domains, since a
/// checkpoint's own key is its files.
Value source_names_identity(const Experiment& experiment);

}  // namespace symphony
