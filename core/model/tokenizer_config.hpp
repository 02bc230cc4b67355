// tokenizer_config.json, as far as a written model needs it: which tokens transformers calls bos, eos, pad and unk, and the template of a chat. Without them
// a loaded tokenizer has no end of a text, and an instruction-tuned model no way to be asked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/base/value.hpp"
#include "core/model/checkpoint_config.hpp"

namespace symphony {

/// What is kept of the one in `directory`: "bos_token", "eos_token", "pad_token", "unk_token" by content, and "chat_template" (also from a
/// chat_template.jinja beside it). A map, empty without such files. Throws DataError for a file that is no map, and for links that lead out.
Value read_tokenizer_config(const std::filesystem::path& directory);

/// What is written beside `tokenizer_json`: what was kept; special tokens that it does not name by their id, where the tokenizer has that as an added token.
Value written_tokenizer_config(const Value& kept, const SpecialTokenIds& ids, std::string_view tokenizer_json, std::int64_t max_positions);

}  // namespace symphony
