// Words are ASCII letters, which the byte alphabet spells as themselves.
#include "tests/support/tiny_tokenizer.hpp"

#include <algorithm>
#include <map>

#include "core/base/random.hpp"
#include "core/data/byte_alphabet.hpp"

namespace symphony::testing {

std::shared_ptr<const Tokenizer> tiny_tokenizer(const std::vector<std::string>& words, const std::vector<std::string>& special) {
  TokenizerSpec spec;
  spec.pre_tokenizer = {ByteLevel{false, true, false}};
  spec.decoder = {ByteLevel{false, true, false}};
  std::map<std::string, std::int64_t> ids;
  const auto add = [&](const std::string& spelled) {
    const auto [entry, is_new] = ids.emplace(spelled, static_cast<std::int64_t>(ids.size()));
    if (is_new) spec.vocab.emplace_back(spelled, entry->second);
    return is_new;
  };
  for (const std::string& spelled : byte_alphabet()) add(spelled);
  for (const std::string& word : words)
    for (std::size_t size = 2; size <= word.size(); ++size)
      if (add(word.substr(0, size))) spec.merges.push_back({ids.at(word.substr(0, size - 1)), ids.at(word.substr(size - 1, 1)), ids.at(word.substr(0, size))});
  for (const std::string& content : special) spec.added.push_back({content, static_cast<std::int64_t>(ids.size() + spec.added.size())});
  return make_tokenizer(std::move(spec), "tiny tokenizer");
}

std::vector<std::int64_t> permuted_ids(const Tokenizer& tokenizer, std::uint64_t seed) {
  return Random(seed, "ids").permutation(tokenizer.vocab_size());
}

std::shared_ptr<const Tokenizer> with_ids_permuted(const Tokenizer& tokenizer, std::uint64_t seed) {
  const std::vector<std::int64_t> moved = permuted_ids(tokenizer, seed);
  const auto move = [&](std::int64_t& id) { id = moved[static_cast<std::size_t>(id)]; };
  TokenizerSpec spec = tokenizer.spec();
  for (auto& [spelled, id] : spec.vocab) move(id);
  for (AddedToken& token : spec.added) move(token.id);
  for (BpeMerge& merge : spec.merges) move(merge.left), move(merge.right), move(merge.merged);
  std::sort(spec.vocab.begin(), spec.vocab.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::sort(spec.added.begin(), spec.added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return make_tokenizer(std::move(spec), "permuted tokenizer");
}

}  // namespace symphony::testing
