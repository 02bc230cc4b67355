// The tokens of one part of one domain, in memory and as a file. The file holds them as uint16 where the vocabulary allows, else int32, and
// their hash; it is written atomically.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <torch/types.h>

#include "core/data/tokenizer.hpp"

namespace symphony {

enum class TextPart { training, held_out };
std::string part_name(TextPart part);

struct TokenStream {
  std::string domain;
  TextPart part = TextPart::training;
  std::int64_t vocab_size = 0;
  torch::Tensor tokens_T;  ///< int32 on the CPU: BOS where the tokenizer has one, then the text
  std::string sha256;      ///< of the vocabulary size and the tokens

  std::int64_t size() const { return tokens_T.size(0); }
};

/// Throws DataError for empty text.
TokenStream tokenize(const Tokenizer& tokenizer, const std::string& domain, TextPart part, std::string_view text);

void write_token_stream(const std::filesystem::path& path, const TokenStream& stream);
/// Throws DataError when the file is not such a stream, is cut short, or does not match its hash.
TokenStream read_token_stream(const std::filesystem::path& path);

}  // namespace symphony
