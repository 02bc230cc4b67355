// From text to the pieces that byte-pair encoding works within: normalisation, then the splits of a tokenizer's pre-tokenizer.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/text_matches.hpp"
#include "core/data/tokenizer_spec.hpp"

namespace symphony {

/// Applies the steps in order.
std::string normalized_text(const std::vector<NormalizerStep>& steps, std::string_view text);

/// A pre-tokenizer ready for use. Immutable and thread-safe.
class PreTokenizer {
 public:
  /// Throws DataError led by `where` for a pattern that is not supported.
  PreTokenizer(std::vector<PreTokenizerStep> steps, const std::string& where);

  /// The pieces of `text`, in order, none empty. They point into `text` or into `owned`, which receives what steps rewrite. `at_start`: whether the
  /// text is the beginning of what is encoded.
  std::vector<std::string_view> pieces(std::string_view text, bool at_start, std::deque<std::string>& owned) const;

 private:
  struct Piece {
    std::string_view text;
    bool at_start;
  };
  std::vector<Piece> apply(std::size_t step_idx, const std::vector<Piece>& pieces, std::deque<std::string>& owned) const;

  std::vector<PreTokenizerStep> steps_;
  std::vector<std::shared_ptr<const TextPattern>> patterns_;  ///< of each step; null where it does not split
};

}  // namespace symphony
