// Named parts of a model that a training phase may update.
//
//   all         everything                                 router      the routers of an MoE
//   experts     the experts of an MoE                      embeddings  token embedding and head
//   norms       all norm gains                             attention   attention matrices and biases
//   backbone    everything but experts and routers
#pragma once

#include <string>
#include <vector>

#include "core/model/language_model.hpp"

namespace symphony {

std::vector<std::string> trainable_parts();

/// The parameters of `model` that belong to any of `parts`. Throws ConfigError for an unknown part (with the nearest one) and when a part
/// selects nothing in this model.
TensorMap trainable_parameters(const LanguageModel& model, const std::vector<std::string>& parts);

/// Those of `parts` that are none of a model with this spec and router (null for a dense model): what trains nothing else has nothing to learn.
std::vector<std::string> parts_without_parameters(const ModelSpec& spec, const Router* router, const std::vector<std::string>& parts);

}  // namespace symphony
