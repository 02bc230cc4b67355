// The source stage: one dense model, trained here on its domain (perhaps from a start that it shares with others) or taken from disk.
#pragma once

#include <functional>
#include <string>

#include "core/pipeline/builder.hpp"

namespace symphony {

/// `text` gives the text stage of a domain.
using TextStages = std::function<StagePtr(const std::string& domain)>;

ModelHandle make_source(const StageBuilder& builder, const std::string& name, const TextStages& text);
/// The domain that a source stands for; "" if none.
std::string source_domain(const Experiment& experiment, const std::string& name);

}  // namespace symphony
