// Tokens are compared as the files spell them, which is the same for equal steps. The written file lists added tokens in its vocabulary too, because
// readers number those that are only added by themselves.
#include "core/data/vocabulary_union.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "core/base/error.hpp"

namespace symphony {

namespace {

using Ids = std::unordered_map<std::string, std::int64_t>;

void check_same_steps(const NamedTokenizer& source, const NamedTokenizer& anchor) {
  const TokenizerSpec left = without_inert_flags(anchor.tokenizer->spec()), right = without_inert_flags(source.tokenizer->spec());
  const auto check = [&](const char* what, bool equal) {
    if (!equal)
      fail<DataError>("vocabulary", "source '{}' differs from the anchor '{}' in the {} of its tokenizer; vocabularies are united only where the same text is cut "
                      "alike (see both tokenizer.json)", source.name, anchor.name, what);
  };
  check("normalizer", left.normalizer == right.normalizer);
  check("pre_tokenizer", left.pre_tokenizer == right.pre_tokenizer);
  check("decoder", left.decoder == right.decoder);
  check("model's byte_fallback", left.byte_fallback == right.byte_fallback);
  check("model's ignore_merges", left.ignore_merges == right.ignore_merges);
}

/// All tokens by id, each once.
std::map<std::int64_t, std::string> tokens_by_id(const TokenizerSpec& spec) {
  std::map<std::int64_t, std::string> tokens;
  for (const auto& [spelled, id] : spec.vocab) tokens.emplace(id, spelled);
  for (const AddedToken& token : spec.added) tokens.emplace(token.id, token.content);
  return tokens;
}

class Uniter {
 public:
  Uniter(const std::vector<NamedTokenizer>& sources, std::size_t anchor) : anchor_(sources[anchor].tokenizer->spec()) {
    specs_.push_back(&anchor_);
    for (std::size_t index = 0; index < sources.size(); ++index)
      if (index != anchor) specs_.push_back(&sources[index].tokenizer->spec());
    result_ = anchor_;
    result_.vocab.clear(), result_.added.clear(), result_.merges.clear();
  }

  VocabularyUnion unite() {
    for (const auto& [id, spelled] : tokens_by_id(anchor_)) add(spelled);
    add_others();
    for (const auto& [spelled, id] : ids_) result_.vocab.emplace_back(spelled, id);
    std::sort(result_.vocab.begin(), result_.vocab.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    std::sort(result_.added.begin(), result_.added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    unite_merges();
    VocabularyUnion united;
    for (const auto& [spelled, id] : result_.vocab) united.tokens.push_back(spelled);
    united.tokenizer = make_tokenizer(std::move(result_), "united vocabulary");
    return united;
  }

 private:
  void add(const std::string& spelled) { ids_.emplace(spelled, static_cast<std::int64_t>(ids_.size())); }

  void add_others() {
    std::set<std::string> ordinary, added;
    std::set<std::string> known_added;
    for (const TokenizerSpec* spec : specs_)
      for (const AddedToken& token : spec->added) added.insert(token.content);
    for (const TokenizerSpec* spec : specs_)
      for (const auto& [spelled, id] : spec->vocab)
        if (!added.contains(spelled)) ordinary.insert(spelled);
    for (const auto* group : {&ordinary, &added})
      for (const std::string& spelled : *group) add(spelled);
    for (const TokenizerSpec* spec : specs_)
      for (AddedToken token : spec->added) {
        if (!known_added.insert(token.content).second || is_ordinary_in_anchor(token.content)) continue;
        token.id = ids_.at(token.content);
        result_.added.push_back(std::move(token));
      }
  }

  bool is_ordinary_in_anchor(const std::string& spelled) const {
    const auto in_vocab = std::any_of(anchor_.vocab.begin(), anchor_.vocab.end(), [&](const auto& entry) { return entry.first == spelled; });
    return in_vocab && std::none_of(anchor_.added.begin(), anchor_.added.end(), [&](const AddedToken& token) { return token.content == spelled; });
  }

  void unite_merges() {
    std::set<std::pair<std::int64_t, std::int64_t>> seen;
    for (const TokenizerSpec* spec : specs_) {
      const auto spelled = tokens_by_id(*spec);
      for (const BpeMerge& merge : spec->merges) {
        const BpeMerge own{ids_.at(spelled.at(merge.left)), ids_.at(spelled.at(merge.right)), ids_.at(spelled.at(merge.merged))};
        if (seen.emplace(own.left, own.right).second) result_.merges.push_back(own);
      }
    }
  }

  const TokenizerSpec& anchor_;
  std::vector<const TokenizerSpec*> specs_;  ///< the anchor's first
  TokenizerSpec result_;
  Ids ids_;
};

}  // namespace

VocabularyUnion unite_vocabularies(const std::vector<NamedTokenizer>& sources, std::size_t anchor) {
  SYMPHONY_ASSERT(anchor < sources.size());
  for (const NamedTokenizer& source : sources) check_same_steps(source, sources[anchor]);
  return Uniter(sources, anchor).unite();
}

TokenMap map_tokens(const Tokenizer& tokenizer, const std::vector<std::string>& tokens) {
  Ids ids;
  for (const auto& [id, spelled] : tokens_by_id(tokenizer.spec())) ids.emplace(spelled, id);
  TokenMap map;
  for (const std::string& token : tokens) {
    const auto found = ids.find(token);
    map.own.push_back(found == ids.end() ? -1 : found->second);
    map.pieces.push_back(found == ids.end() ? tokenizer.pieces_of(token) : std::vector<std::int64_t>{});
  }
  return map;
}

}  // namespace symphony
