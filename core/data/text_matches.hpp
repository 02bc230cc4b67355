// Where a pattern matches in a text: what the Split steps of a tokenizer cut at. Regular expressions are ICU's; those of the file format are
// Oniguruma's, so only syntax that means the same in both is accepted.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/tokenizer_spec.hpp"

namespace symphony {

/// Bytes [begin, end) of a text: a match, or what lies between two.
struct TextSpan {
  std::size_t begin = 0, end = 0;
  bool is_match = false;
};

/// Finds matches from the left. Immutable and thread-safe.
class TextPattern {
 public:
  virtual ~TextPattern();
  /// Matches and what lies between them, tiling the text.
  virtual std::vector<TextSpan> spans(std::string_view text) const = 0;
};

/// Throws DataError led by `where` for syntax that is wrong, or not known to mean the same in both engines.
std::shared_ptr<const TextPattern> regex_pattern(const std::string& regex, const std::string& where);
std::shared_ptr<const TextPattern> literal_pattern(std::string text);
/// Each number character (general category N*) is a match.
std::shared_ptr<const TextPattern> digit_pattern();

/// As regex_pattern, never by the hand-written matchers: what those are tested against.
std::shared_ptr<const TextPattern> icu_regex_pattern(const std::string& regex, const std::string& where);

/// The pieces that `behavior` makes of the spans (`invert`: of their complement); `keep` is called with [begin, end) of each that is not empty.
void apply_split(std::vector<TextSpan> spans, SplitBehavior behavior, bool invert, const std::function<void(std::size_t begin, std::size_t end)>& keep);

}  // namespace symphony
