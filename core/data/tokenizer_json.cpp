// Hugging Face's tokenizer.json, as far as byte-level BPE without a word splitter needs it. Everything that would change the ids and is not
// implemented is refused by name; nothing is skipped silently.
#include <algorithm>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/data/bpe.hpp"
#include "core/data/byte_alphabet.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kLargestId = (std::int64_t{1} << 24) - 1;  ///< a guard for allocations; the largest public vocabularies have 2^18

class Reader {
 public:
  explicit Reader(std::string where) : where_(std::move(where)) {}

  BpeTables read(const Value& root) {
    if (!root.is_map()) fail<DataError>(where_, "got {} at the top, expected a map", root.describe());
    check_pipeline(root);
    const Value& model = map_at(root, "model");
    check_model(model);
    read_special(root);
    read_vocab(map_at(model, "vocab"));
    read_merges(list_at(model, "merges"));
    return std::move(tables_);
  }

 private:
  const Value& at(const Value& parent, const char* key) const {
    const Value* found = parent.find(key);
    if (!found) fail<DataError>(where_, "the key '{}' is missing", key);
    return *found;
  }
  const Value& map_at(const Value& parent, const char* key) const {
    const Value& value = at(parent, key);
    if (!value.is_map()) fail<DataError>(where_, "'{}' is {}, expected a map", key, value.describe());
    return value;
  }
  const Value& list_at(const Value& parent, const char* key) const {
    const Value& value = at(parent, key);
    if (!value.is_list()) fail<DataError>(where_, "'{}' is {}, expected a list", key, value.describe());
    return value;
  }
  std::string text_at(const Value& parent, const char* key) const {
    const Value& value = at(parent, key);
    if (!value.is_string()) fail<DataError>(where_, "'{}' is {}, expected text", key, value.describe());
    return value.as_string();
  }
  void expect_type(const Value& parent, const char* key, const char* expected) const {
    const std::string type = text_at(map_at(parent, key), "type");
    if (type != expected) fail<DataError>(where_, "the {} {} is not supported, expected '{}'", key, quoted(type), expected);
  }
  /// Whether the key says anything but null, false and "".
  static bool is_set(const Value& parent, const char* key) {
    const Value* found = parent.find(key);
    return found && !found->is_null() && *found != Value(false) && *found != Value("");
  }

  void check_pipeline(const Value& root) const {
    if (is_set(root, "normalizer"))
      fail<DataError>(where_, "the normalizer {} is not supported, expected none", quoted(text_at(map_at(root, "normalizer"), "type")));
    expect_type(root, "pre_tokenizer", "ByteLevel");
    const Value& splitter = at(root, "pre_tokenizer");
    if (is_set(splitter, "add_prefix_space")) fail<DataError>(where_, "the pre_tokenizer's add_prefix_space: true is not supported");
    const Value* words = splitter.find("use_regex");
    if (!words || *words != Value(false))
      fail<DataError>(where_, "the pre_tokenizer 'ByteLevel' with its word splitter (use_regex: true, the default) is not supported, expected "
                      "use_regex: false");
  }

  void check_model(const Value& model) const {
    const std::string type = text_at(model, "type");
    if (type != "BPE") fail<DataError>(where_, "the model {} is not supported, expected 'BPE'", quoted(type));
    for (const char* key : {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"})
      if (is_set(model, key)) fail<DataError>(where_, "the model's '{}' is {}, which is not supported", key, model.find(key)->describe());
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

  void read_special(const Value& root) {
    if (!root.find("added_tokens")) return;
    std::map<std::int64_t, std::string> by_id;
    for (const Value& token : list_at(root, "added_tokens").as_list()) {
      if (!token.is_map()) fail<DataError>(where_, "'added_tokens' holds {}, expected maps", token.describe());
      const std::string content = text_at(token, "content");
      const std::int64_t id = checked_id(at(token, "id"), content);
      if (!special_ids_.emplace(content, id).second) fail<DataError>(where_, "the added token {} is given twice", quoted(content));
      by_id.emplace(id, content);
    }
    for (const auto& [id, content] : by_id) tables_.special_tokens.emplace_back(content, id);
  }

  void read_vocab(const Value& vocab) {
    std::map<std::int64_t, std::string> by_id;
    for (const auto& [spelled, value] : vocab.as_map()) {
      const std::int64_t id = checked_id(value, spelled);
      const auto special = special_ids_.find(spelled);
      if (special != special_ids_.end()) {
        if (special->second != id)
          fail<DataError>(where_, "the token {} has the id {} in 'vocab' and {} in 'added_tokens'", quoted(spelled), id, special->second);
        continue;
      }
      const auto bytes = unspell_bytes(spelled);
      if (!bytes || bytes->empty()) fail<DataError>(where_, "the token {} is not spelled in the byte-level alphabet", quoted(spelled));
      ids_.emplace(spelled, id);
      by_id.emplace(id, *bytes);
    }
    for (std::size_t byte = 0; byte < 256; ++byte)
      if (!ids_.contains(byte_alphabet()[byte])) fail<DataError>(where_, "'vocab' has no token for the byte {}", byte);
    for (const auto& [id, bytes] : by_id) tables_.tokens.emplace_back(bytes, id);
  }

  /// Files hold either "a b" or ["a", "b"]; no token contains a blank, which the alphabet spells otherwise.
  std::pair<std::string, std::string> merge_parts(const Value& merge, std::size_t rank) const {
    if (merge.is_list() && merge.as_list().size() == 2 && merge.as_list()[0].is_string() && merge.as_list()[1].is_string())
      return {merge.as_list()[0].as_string(), merge.as_list()[1].as_string()};
    if (merge.is_string()) {
      const std::vector<std::string> parts = split(merge.as_string(), ' ');
      if (parts.size() == 2 && !parts[0].empty() && !parts[1].empty()) return {parts[0], parts[1]};
    }
    fail<DataError>(where_, "merge {} is {}, expected \"a b\" or [\"a\", \"b\"]", rank, merge.describe());
  }

  void read_merges(const Value& merges) {
    std::set<std::pair<std::int64_t, std::int64_t>> seen;
    for (std::size_t rank = 0; rank < merges.as_list().size(); ++rank) {
      const auto [left, right] = merge_parts(merges.as_list()[rank], rank);
      const auto id_of = [&, rank](const std::string& token) {
        const auto found = ids_.find(token);
        if (found == ids_.end()) fail<DataError>(where_, "merge {} needs the token {}, which is not in 'vocab'", rank, quoted(token));
        return found->second;
      };
      const BpeMerge merge{id_of(left), id_of(right), id_of(left + right)};
      if (!seen.emplace(merge.left, merge.right).second)
        fail<DataError>(where_, "merge {} repeats the pair {} and {}", rank, quoted(left), quoted(right));
      tables_.merges.push_back(merge);
    }
  }

  std::string where_;
  BpeTables tables_;
  std::map<std::int64_t, std::string> names_;        ///< every id's token as written
  std::map<std::string, std::int64_t> special_ids_;
  std::map<std::string, std::int64_t> ids_;          ///< of ordinary tokens, as spelled
};

}  // namespace

std::string Bpe::to_json() const {
  ValueList added;
  for (const auto& [content, id] : tables_.special_tokens)
    added.push_back(ValueMap{{"id", id}, {"content", content}, {"single_word", false}, {"lstrip", false}, {"rstrip", false},
                             {"normalized", false}, {"special", true}});
  ValueMap vocab;
  for (const auto& [bytes, id] : tables_.tokens) vocab.emplace_back(spell_bytes(bytes), id);
  ValueList merges;
  const auto spelled = [&](std::int64_t id) { return spell_bytes(bytes_by_id_[static_cast<std::size_t>(id)]); };
  for (const BpeMerge& merge : tables_.merges) merges.push_back(spelled(merge.left) + " " + spelled(merge.right));
  const Value byte_level = ValueMap{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}};
  const Value model = ValueMap{{"type", "BPE"}, {"dropout", Value()}, {"unk_token", Value()}, {"continuing_subword_prefix", Value()},
                               {"end_of_word_suffix", Value()}, {"fuse_unk", false}, {"byte_fallback", false}, {"vocab", vocab},
                               {"merges", merges}};
  return symphony::to_json(ValueMap{{"version", "1.0"}, {"truncation", Value()}, {"padding", Value()}, {"added_tokens", added},
                                    {"normalizer", Value()}, {"pre_tokenizer", byte_level}, {"post_processor", Value()},
                                    {"decoder", byte_level}, {"model", model}}, 1) + "\n";
}

std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& where) {
  return std::make_shared<Bpe>(Reader(where).read(parse_json(json, where)));
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  return parse_tokenizer(read_text(path), path.string());
}

}  // namespace symphony
