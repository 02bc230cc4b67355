// Sources whose vocabularies differ, seen through one: the union of their token strings. Each source becomes a view whose embedding and head have a row for
// every token of the union; a row that the source has not is the mean of its rows for the pieces that it spells the token with, so that it still
// reads such text (statistics, alignment), or zero where it spells none of it. Fusion averages every row over the sources that have it (Symphony-MoE, arXiv 2509.18542).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/data/vocabulary_union.hpp"
#include "core/pipeline/builder.hpp"
#include "core/pipeline/vocabulary_catalogue.hpp"

namespace symphony {

/// The model with the rows of `map` in its embedding and head, in their stored dtype; everything else is read through.
Model with_vocabulary(const Model& model, TokenMap map);

/// What a stage's identity says of sources that are seen through a union; null for sources that are not.
Value vocabulary_identity(const std::vector<ModelHandle>& sources);

/// The bool tensor [V] of the tokens that a source has itself.
torch::Tensor held_rows(const TokenMap& map);

/// The sources as they are merged: as they are, where all have one tokenizer and one number of rows; else views over the union, with
/// `held_rows_V` set. The base, if there is one, is seen through the same vocabulary. Throws DataError for tokenizers that cannot be united.
struct MergedHandles {
  std::vector<ModelHandle> sources;
  std::optional<ModelHandle> base;
};
MergedHandles unite_sources(const std::vector<ModelHandle>& sources, std::size_t anchor, const std::optional<ModelHandle>& base,
                            VocabularyCatalogue& vocabularies);

}  // namespace symphony
