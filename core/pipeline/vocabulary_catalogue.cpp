// Shared pointers are the keys: what they point to is immutable, and an address in a key is never used again.
#include "core/pipeline/vocabulary_catalogue.hpp"

#include <fmt/format.h>

#include "core/base/text.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTokenizerFile = "tokenizer.json";

std::string missing_bytes_note(const Tokenizer& tokenizer, const fs::path& file) {
  const std::size_t missing = tokenizer.missing_bytes().size();
  const auto& unknown = tokenizer.spec().unk_token;
  return fmt::format("{}: no token for {} of the 256 byte values, which {} in text", file.string(), missing,
                     unknown ? fmt::format("become {}", quoted(*unknown)) : "are dropped where they occur");
}

}  // namespace

VocabularyCatalogue::TokenizerPtr VocabularyCatalogue::of_directory(const fs::path& directory) {
  const fs::path file = directory / kTokenizerFile;
  std::error_code none;
  const FileState state{fs::last_write_time(file, none), fs::file_size(file, none)};
  const auto found = read_.find(directory);
  if (found != read_.end() && found->second.state == state) return found->second.tokenizer;
  TokenizerPtr tokenizer = load_model_tokenizer(directory);
  if (tokenizer && !tokenizer->missing_bytes().empty()) notes_.push_back(missing_bytes_note(*tokenizer, file));
  read_.insert_or_assign(directory, ReadTokenizer{state, tokenizer});
  return tokenizer;
}

std::shared_ptr<const VocabularyUnion> VocabularyCatalogue::unite(const std::vector<NamedTokenizer>& sources, std::size_t anchor) {
  std::vector<TokenizerPtr> tokenizers;
  for (const NamedTokenizer& source : sources) tokenizers.push_back(source.tokenizer);
  const auto key = std::make_pair(std::move(tokenizers), anchor);
  const auto found = unions_.find(key);
  if (found != unions_.end()) return found->second;
  return unions_.emplace(key, std::make_shared<const VocabularyUnion>(unite_vocabularies(sources, anchor))).first->second;
}

std::shared_ptr<const TokenMap> VocabularyCatalogue::map(const TokenizerPtr& tokenizer, const std::shared_ptr<const VocabularyUnion>& united) {
  auto& map = maps_[{tokenizer, united}];
  if (!map) map = std::make_shared<const TokenMap>(map_tokens(*tokenizer, united->tokens));
  return map;
}

}  // namespace symphony
