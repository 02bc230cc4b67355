// Reading the model of a tokenizer.json: added tokens, vocabulary and merges, each held against the others. Everything that would change the ids
// and is not implemented is refused by name; 'truncation' and 'padding' do not, and are left out.
#include "core/data/tokenizer_json.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/data/byte_alphabet.hpp"
#include "core/data/json_object.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kLargestId = (std::int64_t{1} << 24) - 1;  ///< a guard for allocations; the largest public vocabularies have 2^18

class SpecReader {
 public:
  explicit SpecReader(std::string where) : where_(std::move(where)) {}

  TokenizerSpec read(const Value& root) {
    const JsonObject top(root, where_, "the file",
                         {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"});
    // 'truncation' and 'padding' say how a batch was last cut to length, not what a text's tokens are; transformers sets them anew in every call.
    const std::string type = json_type(top.at("model"), where_, "the model");
    if (type != "BPE") fail<DataError>(where_, "the model {} is not supported, expected 'BPE'", quoted(type));
    const JsonObject model(top.at("model"), where_, "the model",
                           {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
                            "ignore_merges", "vocab", "merges"});
    read_settings(model);
    if (top.find("added_tokens")) read_added(top.list("added_tokens"));
    read_vocab(model.map("vocab"));
    read_tokenizer_steps(root, where_, spec_);
    check_symbols();
    read_merges(model.list("merges"));
    return std::move(spec_);
  }

 private:
  void read_settings(const JsonObject& model) {
    const Value* dropout = model.find("dropout");
    if (dropout && !(dropout->is_number() && dropout->as_double() == 0.0)) model.refuse(fmt::format("'dropout' is {}, which is not supported", dropout->describe()));
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (model.find(key) && !model.text(key).empty()) model.refuse(fmt::format("'{}' is {}, which is not supported", key, quoted(model.text(key))));
    spec_.byte_fallback = model.flag("byte_fallback", false);
    spec_.ignore_merges = model.flag("ignore_merges", false);
    spec_.fuse_unk = model.flag("fuse_unk", false);
    if (model.find("unk_token")) spec_.unk_token = model.text("unk_token");
  }

  std::int64_t checked_id(const Value& value, const std::string& token) {
    if (!value.is_int()) fail<DataError>(where_, "the id of the token {} is {}, expected an integer", quoted(token), value.describe());
    const std::int64_t id = value.as_int();
    if (id < 0 || id > kLargestId) fail<DataError>(where_, "the token {} has the id {}, expected 0..{}", quoted(token), id, kLargestId);
    const auto [other, is_new] = names_.emplace(id, token);
    if (!is_new && other->second != token)
      fail<DataError>(where_, "the tokens {} and {} have the same id {}", quoted(other->second), quoted(token), id);
    return id;
  }

  void read_added(const ValueList& tokens) {
    for (const Value& value : tokens) {
      const JsonObject token(value, where_, "an added token", {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
      AddedToken added{token.text("content"), 0, token.flag("single_word"), token.flag("lstrip"), token.flag("rstrip"), token.flag("normalized"), token.flag("special")};
      if (added.content.empty()) token.refuse("'content' is empty");
      added.id = checked_id(token.at("id"), added.content);
      if (!added_ids_.emplace(added.content, added.id).second) fail<DataError>(where_, "the added token {} is given twice", quoted(added.content));
      spec_.added.push_back(std::move(added));
    }
    std::sort(spec_.added.begin(), spec_.added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  }

  void read_vocab(const ValueMap& vocab) {
    for (const auto& [spelled, value] : vocab) {
      if (spelled.empty()) fail<DataError>(where_, "'vocab' has an empty token");
      const std::int64_t id = checked_id(value, spelled);
      const auto added = added_ids_.find(spelled);
      if (added != added_ids_.end() && added->second != id)
        fail<DataError>(where_, "the token {} has the id {} in 'vocab' and {} in 'added_tokens'", quoted(spelled), id, added->second);
      ids_.emplace(spelled, id);
      spec_.vocab.emplace_back(spelled, id);
    }
    std::sort(spec_.vocab.begin(), spec_.vocab.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  }

  /// Of fallback bytes none may be missing. A byte-level vocabulary may lack some, as its reference reads it: they are dropped from a text, or become
  /// the unknown token if there is one.
  void check_symbols() const {
    const bool bytes = spec_.is_byte_level();
    if (bytes && spec_.byte_fallback) fail<DataError>(where_, "the model's 'byte_fallback' beside the pre_tokenizer 'ByteLevel' is not supported");
    if (!bytes && !spec_.byte_fallback)
      fail<DataError>(where_, "a vocabulary of characters without 'byte_fallback' is not supported, expected that or the pre_tokenizer 'ByteLevel'");
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::string spelled = bytes ? byte_alphabet()[byte] : fmt::format("<0x{:02X}>", byte);
      if (ids_.contains(spelled)) continue;
      if (!bytes) fail<DataError>(where_, "'vocab' has no token for the byte {}, expected {}", byte, quoted(spelled));
      if (spec_.unk_token && !ids_.contains(*spec_.unk_token))
        fail<DataError>(where_, "'vocab' has no token for the byte {}, nor the 'unk_token' {} to stand for it", byte, quoted(*spec_.unk_token));
    }
    for (const auto& [spelled, id] : spec_.vocab)
      if (bytes && !added_ids_.contains(spelled) && !unspell_bytes(spelled)) fail<DataError>(where_, "the token {} is not spelled in the byte-level alphabet", quoted(spelled));
  }

  /// Files hold either "a b" or ["a", "b"].
  std::pair<std::string, std::string> merge_parts(const Value& merge, std::size_t rank) const {
    if (merge.is_list() && merge.as_list().size() == 2 && merge.as_list()[0].is_string() && merge.as_list()[1].is_string())
      return {merge.as_list()[0].as_string(), merge.as_list()[1].as_string()};
    if (merge.is_string()) {
      const std::vector<std::string> parts = split(merge.as_string(), ' ');
      if (parts.size() == 2 && !parts[0].empty() && !parts[1].empty()) return {parts[0], parts[1]};
    }
    fail<DataError>(where_, "merge {} is {}, expected \"a b\" or [\"a\", \"b\"]", rank, merge.describe());
  }

  void read_merges(const ValueList& merges) {
    std::set<std::pair<std::int64_t, std::int64_t>> seen;
    spec_.merges.reserve(merges.size());
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
      const auto [left, right] = merge_parts(merges[rank], rank);
      const auto id_of = [&, rank](const std::string& token) {
        const auto found = ids_.find(token);
        if (found == ids_.end()) fail<DataError>(where_, "merge {} needs the token {}, which is not in 'vocab'", rank, quoted(token));
        return found->second;
      };
      const BpeMerge merge{id_of(left), id_of(right), id_of(left + right)};
      if (!seen.emplace(merge.left, merge.right).second)
        fail<DataError>(where_, "merge {} repeats the pair {} and {}", rank, quoted(left), quoted(right));
      spec_.merges.push_back(merge);
    }
  }

  std::string where_;
  TokenizerSpec spec_;
  std::unordered_map<std::int64_t, std::string> names_;     ///< every id's token as written
  std::unordered_map<std::string, std::int64_t> added_ids_;
  std::unordered_map<std::string, std::int64_t> ids_;       ///< of the vocabulary, as spelled
};

}  // namespace

TokenizerSpec read_tokenizer_spec(const Value& root, const std::string& where) { return SpecReader(where).read(root); }

}  // namespace symphony
