// The text stage: a domain's recipe becomes two token streams, training and held-out, which never overlap.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <torch/types.h>

#include "core/data/token_stream.hpp"
#include "core/data/tokenizer.hpp"
#include "core/pipeline/builder.hpp"
#include "core/pipeline/vocabulary_catalogue.hpp"

namespace symphony {

/// The text stages of one or many experiments. A stage's key covers the recipe, the tokenizer, and what the recipe reads: package versions, or
/// the contents of the user's files. Those are looked up once for each recipe, however many runs of a sweep ask.
class TextCatalogue {
 public:
  /// Where the text cannot be had (a package that is not installed), the stage's key says so, running it fails, and missing() tells.
  StagePtr stage(const Experiment& experiment, const std::string& domain, const std::shared_ptr<const Tokenizer>& tokenizer);
  const std::vector<std::string>& missing() const { return missing_; }
  VocabularyCatalogue& vocabularies() { return vocabularies_; }

 private:
  const std::string& tokenizer_hash(const std::shared_ptr<const Tokenizer>& tokenizer);

  std::vector<std::string> missing_;        ///< messages
  std::map<std::string, StagePtr> stages_;  ///< by domain, recipe and tokenizer
  std::map<std::shared_ptr<const Tokenizer>, std::string> hashes_;
  VocabularyCatalogue vocabularies_;
};

struct DomainStreams {
  TokenStream training, held_out;
};
DomainStreams load_text(const std::filesystem::path& folder);

/// The tokenizer of models trained here.
std::shared_ptr<const Tokenizer> trained_tokenizer();

}  // namespace symphony
