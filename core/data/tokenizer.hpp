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

namespace symphony {

struct SpecialTokens {
  std::optional<std::int64_t> bos, eos, pad;
};

/// Immutable and thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer();
  /// Ids are below it. Models have as many embedding rows, or more.
  virtual std::int64_t vocab_size() const = 0;
  virtual SpecialTokens special() const = 0;
  /// Any bytes. Special tokens are never read out of text: "<|eos|>" in a file is seven ordinary characters.
  virtual std::vector<std::int64_t> encode(std::string_view bytes) const = 0;
  /// Inverse of `encode`; special tokens stand for no bytes. Throws DataError for an id that is no token.
  virtual std::string decode(std::span<const std::int64_t> ids) const = 0;
  /// Bytes that each id stands for, [vocab_size]; 0 for special tokens.
  virtual std::vector<std::int64_t> token_bytes() const = 0;
  /// tokenizer.json, canonical: equal tokenizers give equal text.
  virtual std::string to_json() const = 0;
};

/// 256 byte tokens (id = byte) and <|bos|> 256, <|eos|> 257, <|pad|> 258; no merges. vocab_size 259: no padding rows, because a row that
/// no text ever trains would only add noise to merged models.
std::shared_ptr<const Tokenizer> byte_tokenizer();

/// A byte-level BPE from the text of a tokenizer.json. Throws DataError led by `where` naming the key that is missing, contradictory or not
/// supported (other models, normalizers and pre-tokenizers than plain ByteLevel are refused by name).
std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& where);
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path);

}  // namespace symphony
