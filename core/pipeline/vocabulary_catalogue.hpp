// The tokenizers of checkpoints and the unions of their vocabularies, each read or worked out once for all runs of a sweep: a real vocabulary takes
// longer than everything else that a plan finds out about a run.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/data/vocabulary_union.hpp"

namespace symphony {

class VocabularyCatalogue {
 public:
  using TokenizerPtr = std::shared_ptr<const Tokenizer>;

  /// As load_model_tokenizer; the same object for as long as the file keeps its size and time of change.
  TokenizerPtr of_directory(const std::filesystem::path& directory);
  /// As unite_vocabularies; the same object for the same tokenizers in the same order, whatever the sources are called.
  std::shared_ptr<const VocabularyUnion> unite(const std::vector<NamedTokenizer>& sources, std::size_t anchor);
  /// As map_tokens.
  std::shared_ptr<const TokenMap> map(const TokenizerPtr& tokenizer, const std::shared_ptr<const VocabularyUnion>& united);
  /// What a reader should know about the tokenizers that were read, a line each: bytes without a token.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct FileState {
    std::filesystem::file_time_type changed;
    std::uintmax_t bytes = 0;
    bool operator==(const FileState&) const = default;
  };
  struct ReadTokenizer {
    FileState state;
    TokenizerPtr tokenizer;
  };

  std::map<std::filesystem::path, ReadTokenizer> read_;  ///< by directory
  std::map<std::pair<std::vector<TokenizerPtr>, std::size_t>, std::shared_ptr<const VocabularyUnion>> unions_;  ///< by sources and anchor
  std::map<std::pair<TokenizerPtr, std::shared_ptr<const VocabularyUnion>>, std::shared_ptr<const TokenMap>> maps_;
  std::vector<std::string> notes_;
};

}  // namespace symphony
