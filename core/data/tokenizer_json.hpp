// The parts of reading and writing a tokenizer.json, apart from each other: the steps around the model, and the model with its vocabulary.
#pragma once

#include <string>

#include "core/base/value.hpp"
#include "core/data/tokenizer_spec.hpp"

namespace symphony {

/// Fills normalizer, pre_tokenizer, post_processor and decoder from the values at the top of a file; the vocabulary is there already. Throws
/// DataError led by `where` naming what is not supported.
void read_tokenizer_steps(const Value& root, const std::string& where, TokenizerSpec& spec);

/// The whole file, checked: every id, token and merge fits the others.
TokenizerSpec read_tokenizer_spec(const Value& root, const std::string& where);

/// The whole file. What is read from it equals `spec`.
Value tokenizer_value(const TokenizerSpec& spec);

}  // namespace symphony
