// The byte tokenizer: the byte-level BPE whose list of merges is empty.
#include "core/data/tokenizer.hpp"

#include "core/data/bpe.hpp"

namespace symphony {

Tokenizer::~Tokenizer() = default;

std::shared_ptr<const Tokenizer> byte_tokenizer() {
  BpeTables tables;
  for (std::int64_t byte = 0; byte < 256; ++byte) tables.tokens.emplace_back(std::string(1, static_cast<char>(byte)), byte);
  tables.special_tokens = {{"<|bos|>", 256}, {"<|eos|>", 257}, {"<|pad|>", 258}};
  return std::make_shared<Bpe>(std::move(tables));
}

}  // namespace symphony
