// How text becomes token ids and back. The file format is Hugging Face's tokenizer.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/tokenizer_spec.hpp"

namespace symphony {

struct SpecialTokens {
  std::optional<std::int64_t> bos, eos, pad;
};

/// What the name of a special token means in a text: "<|eos|>" in a file is seven ordinary characters, in a prompt it may be meant.
enum class SpecialText { literal, token };

/// Immutable and thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer();
  /// Ids are below it. Models have as many embedding rows, or more.
  virtual std::int64_t vocab_size() const = 0;
  virtual SpecialTokens special() const = 0;
  /// Any bytes; those that are not UTF-8 count as characters of their own. Added tokens that are not special are always found. Bytes without a token
  /// (see missing_bytes) are dropped before anything is merged, or become the unknown token, as in the reference implementation.
  virtual std::vector<std::int64_t> encode(std::string_view bytes, SpecialText special) const = 0;
  std::vector<std::int64_t> encode(std::string_view bytes) const { return encode(bytes, SpecialText::literal); }
  /// `ids` with the special tokens that the file's template puts around a text.
  virtual std::vector<std::int64_t> framed(std::vector<std::int64_t> ids) const = 0;
  /// The tokens that merging makes of one spelled as in the file, added tokens and splits aside.
  virtual std::vector<std::int64_t> pieces_of(std::string_view spelled) const = 0;
  /// Inverse of `encode` but for normalisation and missing bytes; special tokens stand for no bytes. Throws DataError for an id that is no token.
  virtual std::string decode(std::span<const std::int64_t> ids) const = 0;
  /// The byte values that `encode` has no token for: a few of a vocabulary that was trained without them, none of most.
  virtual std::vector<std::uint8_t> missing_bytes() const = 0;
  /// Bytes that each id stands for, [vocab_size]; 0 for special tokens.
  virtual std::vector<std::int64_t> token_bytes() const = 0;
  /// tokenizer.json, canonical: equal tokenizers give equal text.
  virtual std::string to_json() const = 0;
  virtual const TokenizerSpec& spec() const = 0;
};

/// Bytes of `text` that the tokenizer has no token for.
std::size_t num_missing_bytes(const Tokenizer& tokenizer, std::string_view text);

/// 256 byte tokens (id = byte) and <|bos|> 256, <|eos|> 257, <|pad|> 258; no merges. vocab_size 259: no padding rows, because a row that
/// no text ever trains would only add noise to merged models.
std::shared_ptr<const Tokenizer> byte_tokenizer();

/// A byte-pair tokenizer from the text of a tokenizer.json: byte-level (GPT-2, Llama 3, Qwen2, SmolLM2) or of characters with byte fallback (Llama 2,
/// Mistral). Throws DataError led by `where` naming the key that is missing, contradictory or not supported; only how a batch was last
/// truncated and padded is left out.
std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& where);
/// `spec` must fit together as one that was read does.
std::shared_ptr<const Tokenizer> make_tokenizer(TokenizerSpec spec, const std::string& where);
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path);
/// The tokenizer of a Hugging Face model directory; nothing if it has no file of one. Throws DataError also when there are only others than tokenizer.json,
/// naming the conversion, and for a link that leads out of the directory.
std::shared_ptr<const Tokenizer> load_model_tokenizer(const std::filesystem::path& directory);

}  // namespace symphony
