// One vocabulary out of several: the union of their token strings. The anchor's tokens come first, in its order; then those that it lacks, sorted by
// spelling, ordinary ones before added ones. Merges are the anchor's, then those that the others have beside them, in the order of the sources. So
// ids of a source other than the anchor never matter, and the anchor's only set the order.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/data/tokenizer.hpp"

namespace symphony {

struct NamedTokenizer {
  std::string name;  ///< for messages
  std::shared_ptr<const Tokenizer> tokenizer;
};

struct VocabularyUnion {
  std::shared_ptr<const Tokenizer> tokenizer;
  /// The spelling of each token, [V].
  std::vector<std::string> tokens;
};

/// Throws DataError naming the first step in which a source reads text otherwise than the anchor (normalizer, pre_tokenizer, decoder, kind of model):
/// equal strings would not be equal tokens then.
VocabularyUnion unite_vocabularies(const std::vector<NamedTokenizer>& sources, std::size_t anchor);

/// What a vocabulary knows of another one's tokens.
struct TokenMap {
  std::vector<std::int64_t> own;                    ///< [V] its own id of each token, -1 where it has none
  std::vector<std::vector<std::int64_t>> pieces;    ///< [V] where it has none: the tokens that it spells it with; empty where it lacks all its bytes
};
TokenMap map_tokens(const Tokenizer& tokenizer, const std::vector<std::string>& tokens);

}  // namespace symphony
