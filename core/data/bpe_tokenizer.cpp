// Words repeat: what a piece becomes is remembered within a call. SentencePiece vocabularies see a whole text as one piece; where no merge makes a
// token with U+2581 (the blank) after another character, cutting the piece before every such blank gives the same tokens, word by word.
#include "core/data/bpe_tokenizer.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/data/byte_alphabet.hpp"
#include "core/data/token_decoder.hpp"
#include "core/data/tokenizer_json.hpp"
#include "core/data/unicode_text.hpp"

namespace symphony {

namespace {

constexpr std::string_view kBlank = "\xe2\x96\x81";
constexpr std::size_t kLongestRemembered = 64;            ///< bytes
constexpr std::size_t kMostRemembered = std::size_t{1} << 20;

std::vector<AddedToken> added_where(const TokenizerSpec& spec, bool normalized) {
  std::vector<AddedToken> chosen;
  for (AddedToken token : spec.added) {
    if (token.normalized != normalized) continue;
    if (normalized) token.content = normalized_text(spec.normalizer, token.content);
    chosen.push_back(std::move(token));
  }
  return chosen;
}

/// Where a blank follows something else.
std::size_t next_word(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find(kBlank, from); at != std::string_view::npos; at = text.find(kBlank, at + kBlank.size()))
    if (at > 0 && !text.substr(0, at).ends_with(kBlank)) return at;
  return text.size();
}

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace

BpeTokenizer::BpeTokenizer(TokenizerSpec spec, const std::string& where)
    : spec_(std::move(spec)), before_(added_where(spec_, false)), after_(added_where(spec_, true)), pre_tokenizer_(spec_.pre_tokenizer, where),
      merger_(spec_.merges), byte_ids_(256, -1) {
  index_tokens();
  index_symbols();
  find_special();
  cuts_words_ = !spec_.is_byte_level() && !spec_.ignore_merges && !merges_cross_words();
}

void BpeTokenizer::index_tokens() {
  std::int64_t size = 0;
  for (const auto& [spelled, id] : spec_.vocab) size = std::max(size, id + 1);
  for (const AddedToken& token : spec_.added) size = std::max(size, token.id + 1);
  known_.resize(static_cast<std::size_t>(size));
  is_special_.resize(known_.size());
  bytes_.resize(known_.size());
  const TokenDecoder decoder(spec_.decoder);
  if (decoder.first_differs()) first_bytes_.resize(known_.size());
  const auto learn = [&](const std::string& spelled, std::int64_t id) {
    const auto index = static_cast<std::size_t>(id);
    known_[index] = true;
    bytes_[index] = decoder.bytes_of(spelled, false);
    if (!first_bytes_.empty()) first_bytes_[index] = decoder.bytes_of(spelled, true);
  };
  for (const auto& [spelled, id] : spec_.vocab) {
    learn(spelled, id);
    ids_.emplace(spelled, id);
  }
  for (const AddedToken& token : spec_.added) {
    learn(token.content, token.id);
    is_special_[static_cast<std::size_t>(token.id)] = token.special;
  }
}

void BpeTokenizer::index_symbols() {
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::string spelled = spec_.is_byte_level() ? byte_alphabet()[byte] : fmt::format("<0x{:02X}>", byte);
    if (const auto found = ids_.find(spelled); found != ids_.end()) byte_ids_[byte] = found->second;
  }
  if (const auto found = spec_.unk_token ? ids_.find(*spec_.unk_token) : ids_.end(); found != ids_.end()) unknown_id_ = found->second;
  for (const auto& [spelled, id] : spec_.vocab) {
    const Utf8Char first = spelled.empty() ? Utf8Char{} : utf8_at(spelled, 0);
    if (first.valid && first.size == spelled.size()) characters_.emplace(first.value, id);
  }
}

/// The roles of special tokens: BOS by the template that puts it before a text, the others by the names that public tokenizers use.
void BpeTokenizer::find_special() {
  const auto named = [&](std::initializer_list<std::string_view> names) -> std::optional<std::int64_t> {
    for (const std::string_view name : names)
      for (const AddedToken& token : spec_.added)
        if (token.special && token.content == name) return token.id;
    return std::nullopt;
  };
  special_.bos = named({"<|bos|>", "<s>", "<|begin_of_text|>", "<|endoftext|>"});
  special_.eos = named({"<|eos|>", "</s>", "<|end_of_text|>", "<|endoftext|>"});
  special_.pad = named({"<|pad|>", "<pad>", "<|endoftext|>"});
  for (const PostProcessorStep& step : spec_.post_processor)
    if (const auto* frame = std::get_if<Template>(&step); frame && !frame->single.front().special.empty()) special_.bos = named({frame->single.front().special});
}

bool BpeTokenizer::merges_cross_words() const {
  std::vector<const std::string*> spelled(known_.size(), nullptr);
  for (const auto& [text, id] : spec_.vocab) spelled[static_cast<std::size_t>(id)] = &text;
  return std::any_of(spec_.merges.begin(), spec_.merges.end(), [&](const BpeMerge& merge) {
    const std::string& text = *spelled[static_cast<std::size_t>(merge.merged)];
    return next_word(text, 0) != text.size();
  });
}

class BpeTokenizer::Encoder {
 public:
  explicit Encoder(const BpeTokenizer& tokenizer) : tokenizer_(tokenizer) {}

  TokenIds encode(std::string_view text, bool read_special) {
    for (const auto& outer : tokenizer_.before_.sections(text, read_special)) {
      if (outer.id) {
        result_.push_back(*outer.id);
        continue;
      }
      const std::string_view given = text.substr(outer.begin, outer.end - outer.begin);
      const bool rewrites = !tokenizer_.spec_.normalizer.empty();
      const std::string_view normal = rewrites ? owned_.emplace_back(normalized_text(tokenizer_.spec_.normalizer, given)) : given;
      for (const auto& inner : tokenizer_.after_.sections(normal, read_special)) {
        if (inner.id) result_.push_back(*inner.id);
        else add_text(normal.substr(inner.begin, inner.end - inner.begin), outer.begin == 0 && inner.begin == 0);
      }
      owned_.clear();
    }
    return std::move(result_);
  }

  TokenIds piece(std::string_view word) {
    add_word(word);
    return std::move(result_);
  }

 private:
  void add_text(std::string_view text, bool at_start) {
    for (std::string_view piece : tokenizer_.pre_tokenizer_.pieces(text, at_start, owned_)) {
      while (tokenizer_.cuts_words_) {
        const std::size_t end = next_word(piece, 1);
        if (end == piece.size()) break;
        add_word(piece.substr(0, end));
        piece.remove_prefix(end);
      }
      add_word(piece);
    }
  }

  void add_word(std::string_view word) {
    if (const auto found = remembered_.find(word); found != remembered_.end()) {
      result_.insert(result_.end(), found->second.begin(), found->second.end());
      return;
    }
    word_ids_.clear();
    tokenizer_.spec_.is_byte_level() ? add_bytes(word) : add_characters(word);
    result_.insert(result_.end(), word_ids_.begin(), word_ids_.end());
    if (word.size() <= kLongestRemembered && remembered_.size() < kMostRemembered) remembered_.emplace(std::string(word), word_ids_);
  }

  bool add_whole(const std::string& spelled) {
    if (!tokenizer_.spec_.ignore_merges) return false;
    const auto found = tokenizer_.ids_.find(spelled);
    if (found == tokenizer_.ids_.end()) return false;
    word_ids_.push_back(found->second);
    return true;
  }

  void add_bytes(std::string_view word) {
    if (tokenizer_.spec_.ignore_merges && add_whole(spell_bytes(word))) return;
    bool after_unknown = false;
    for (const char byte : word) {
      const std::int64_t known = tokenizer_.byte_ids_[static_cast<unsigned char>(byte)];
      const std::int64_t id = known >= 0 ? known : tokenizer_.unknown_id_;
      const bool fused = known < 0 && after_unknown && tokenizer_.spec_.fuse_unk;
      after_unknown = known < 0;
      if (id >= 0 && !fused) word_ids_.push_back(id);
    }
    tokenizer_.merger_.merge(word_ids_);
  }

  void add_characters(std::string_view word) {
    if (tokenizer_.spec_.ignore_merges && add_whole(std::string(word))) return;
    for (std::size_t at = 0; at < word.size();) {
      const Utf8Char next = utf8_at(word, at);
      const auto found = next.valid ? tokenizer_.characters_.find(next.value) : tokenizer_.characters_.end();
      if (found != tokenizer_.characters_.end()) word_ids_.push_back(found->second);
      else
        for (const char byte : word.substr(at, next.size)) word_ids_.push_back(tokenizer_.byte_ids_[static_cast<unsigned char>(byte)]);
      at += next.size;
    }
    tokenizer_.merger_.merge(word_ids_);
  }

  const BpeTokenizer& tokenizer_;
  TokenIds result_, word_ids_;
  std::deque<std::string> owned_;
  std::unordered_map<std::string, TokenIds, TextHash, std::equal_to<>> remembered_;
};

std::vector<std::int64_t> BpeTokenizer::encode(std::string_view bytes, SpecialText special) const {
  return Encoder(*this).encode(bytes, special == SpecialText::token);
}

std::vector<std::int64_t> BpeTokenizer::framed(std::vector<std::int64_t> ids) const {
  for (const PostProcessorStep& step : spec_.post_processor) {
    const auto* frame = std::get_if<Template>(&step);
    if (!frame) continue;
    TokenIds result;
    for (const TemplateItem& item : frame->single) {
      if (item.special.empty()) {
        result.insert(result.end(), ids.begin(), ids.end());
        continue;
      }
      for (const AddedToken& token : spec_.added)
        if (token.content == item.special) result.push_back(token.id);
    }
    ids = std::move(result);
  }
  return ids;
}

std::vector<std::int64_t> BpeTokenizer::pieces_of(std::string_view spelled) const {
  return Encoder(*this).piece(spec_.is_byte_level() ? unspell_bytes(spelled).value_or(std::string(spelled)) : std::string(spelled));
}

std::string BpeTokenizer::decode(std::span<const std::int64_t> ids) const {
  std::string bytes;
  bool first = true;
  for (const std::int64_t id : ids) {
    const auto index = static_cast<std::size_t>(id);
    if (id < 0 || id >= vocab_size() || !known_[index]) fail<DataError>("tokenizer", "id {} is no token, expected one of 0..{}", id, vocab_size() - 1);
    if (is_special_[index]) continue;
    bytes += first && !first_bytes_.empty() ? first_bytes_[index] : bytes_[index];
    first = false;
  }
  return TokenDecoder(spec_.decoder).finished(std::move(bytes));
}

std::vector<std::uint8_t> BpeTokenizer::missing_bytes() const {
  std::vector<std::uint8_t> missing;
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte)
    if (byte_ids_[byte] < 0) missing.push_back(static_cast<std::uint8_t>(byte));
  return missing;
}

std::vector<std::int64_t> BpeTokenizer::token_bytes() const {
  std::vector<std::int64_t> sizes;
  for (std::size_t index = 0; index < bytes_.size(); ++index) sizes.push_back(is_special_[index] ? 0 : static_cast<std::int64_t>(bytes_[index].size()));
  return sizes;
}

std::string BpeTokenizer::to_json() const { return symphony::to_json(tokenizer_value(spec_), 1) + "\n"; }

}  // namespace symphony
