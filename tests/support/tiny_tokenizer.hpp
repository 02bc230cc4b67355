// Small byte-level tokenizers for tests: bytes, words made of them by merging letter after letter, special tokens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/data/tokenizer.hpp"

namespace symphony::testing {

/// Bytes 0..255, then the words (and the beginnings of them that they are merged from) in order, then the special tokens.
std::shared_ptr<const Tokenizer> tiny_tokenizer(const std::vector<std::string>& words, const std::vector<std::string>& special);

/// Where with_ids_permuted puts each id, by id.
std::vector<std::int64_t> permuted_ids(const Tokenizer& tokenizer, std::uint64_t seed);
/// The same tokenizer under other ids.
std::shared_ptr<const Tokenizer> with_ids_permuted(const Tokenizer& tokenizer, std::uint64_t seed);

}  // namespace symphony::testing
