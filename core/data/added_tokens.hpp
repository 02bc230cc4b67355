// Added tokens are found in a text before anything else happens to it: leftmost, the longest of those that start there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/tokenizer_spec.hpp"

namespace symphony {

/// Immutable and thread-safe.
class AddedTokens {
 public:
  /// `tokens` with their contents as they stand in the text that is searched.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  struct Section {
    std::optional<std::int64_t> id;  ///< of a token; none: text between tokens
    std::size_t begin = 0, end = 0;
  };
  /// The text as tokens, each with the blanks that it takes along, and what lies between them. `read_special` false: special tokens that are
  /// found count as text.
  std::vector<Section> sections(std::string_view text, bool read_special) const;

 private:
  const AddedToken* match_at(std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;                        ///< the longest first
  std::array<std::vector<std::size_t>, 256> by_first_byte_;
};

}  // namespace symphony
