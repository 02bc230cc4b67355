// A tokenizer.json at work: added tokens are cut out, the text between them is normalised, split into pieces, and each piece is merged.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/data/added_tokens.hpp"
#include "core/data/bpe.hpp"
#include "core/data/text_pieces.hpp"
#include "core/data/tokenizer.hpp"

namespace symphony {

class BpeTokenizer final : public Tokenizer {
 public:
  /// Throws DataError led by `where` for what the steps of the spec do not support.
  BpeTokenizer(TokenizerSpec spec, const std::string& where);
  using Tokenizer::encode;
  std::int64_t vocab_size() const override { return static_cast<std::int64_t>(known_.size()); }
  SpecialTokens special() const override { return special_; }
  std::vector<std::int64_t> encode(std::string_view bytes, SpecialText special) const override;
  std::vector<std::int64_t> framed(std::vector<std::int64_t> ids) const override;
  std::vector<std::int64_t> pieces_of(std::string_view spelled) const override;
  std::string decode(std::span<const std::int64_t> ids) const override;
  std::vector<std::uint8_t> missing_bytes() const override;
  std::vector<std::int64_t> token_bytes() const override;
  std::string to_json() const override;
  const TokenizerSpec& spec() const override { return spec_; }

 private:
  class Encoder;  ///< the state of one call of encode

  void index_tokens();
  void index_symbols();
  void find_special();
  bool merges_cross_words() const;

  TokenizerSpec spec_;
  AddedTokens before_, after_;                       ///< found before and after normalisation
  PreTokenizer pre_tokenizer_;
  BpeMerger merger_;
  SpecialTokens special_;
  std::vector<bool> known_;                          ///< by id
  std::vector<bool> is_special_;
  std::vector<std::string> bytes_, first_bytes_;     ///< by id; what it stands for, `first_bytes_` (if not empty) at the beginning of a text
  std::unordered_map<std::string, std::int64_t> ids_;           ///< by spelling
  std::unordered_map<char32_t, std::int64_t> characters_;       ///< tokens of one character
  std::vector<std::int64_t> byte_ids_;               ///< [256]: of a byte-level vocabulary, or for fallback; -1: none
  std::int64_t unknown_id_ = -1;                     ///< -1: none
  bool cuts_words_ = false;                          ///< pieces may be cut before U+2581, because no merge crosses that
};

}  // namespace symphony
