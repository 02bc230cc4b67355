// The evaluation stage: one suite on one subject (a model at one point of its life, an ensemble of the sources) over the held-out windows of
// every domain.
#pragma once

#include <string>
#include <vector>

#include "core/pipeline/builder.hpp"

namespace symphony {

/// What a merged model was made of, in the order of Experiment::merged_sources.
struct MergeParts {
  std::vector<ModelHandle> sources;
  StagePtr alignment;
};

/// `texts`: the text stage of every domain, in the experiment's order. With `parts` the suite sees the sources too, as they are and aligned.
StagePtr make_evaluation(const StageBuilder& builder, const ModelHandle& model, const Method& suite, const std::vector<StagePtr>& texts,
                         const MergeParts* parts = nullptr);
/// A mixture of the sources' predictions.
StagePtr make_ensemble_evaluation(const StageBuilder& builder, const std::vector<ModelHandle>& sources, EnsembleWeights weights, const Method& suite,
                                  const std::vector<StagePtr>& texts);
/// For every domain the source that predicts it best, from the sources' own evaluations (in the order of `sources`).
StagePtr make_oracle(const StageBuilder& builder, const std::vector<ModelHandle>& sources, const std::vector<StagePtr>& evaluations);

}  // namespace symphony
