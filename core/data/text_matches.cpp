// Patterns by hand, and what a split keeps of the spans: the fold of the reference implementation, by behaviour.
#include "core/data/text_matches.hpp"

#include <algorithm>

#include "core/data/unicode_text.hpp"
#include "core/data/word_scanner.hpp"

namespace symphony {

namespace {

class WordMatches final : public TextPattern {
 public:
  explicit WordMatches(WordPattern pattern) : pattern_(pattern) {}
  std::vector<TextSpan> spans(std::string_view text) const override {
    std::vector<TextSpan> found;
    for (std::size_t at = 0; at < text.size(); at = found.back().end) found.push_back({at, at + word_length(pattern_, text, at), true});
    return found;
  }

 private:
  WordPattern pattern_;
};

class LiteralMatches final : public TextPattern {
 public:
  explicit LiteralMatches(std::string wanted) : wanted_(std::move(wanted)) {}
  std::vector<TextSpan> spans(std::string_view text) const override {
    std::vector<TextSpan> found;
    std::size_t done = 0;
    for (std::size_t at = text.find(wanted_); at != std::string_view::npos; at = text.find(wanted_, done)) {
      if (at > done) found.push_back({done, at, false});
      done = at + wanted_.size();
      found.push_back({at, done, true});
    }
    if (done < text.size()) found.push_back({done, text.size(), false});
    return found;
  }

 private:
  std::string wanted_;
};

class DigitMatches final : public TextPattern {
 public:
  std::vector<TextSpan> spans(std::string_view text) const override {
    std::vector<TextSpan> found;
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char next = utf8_at(text, at);
      if (char_class(next.value) == CharClass::number) {
        if (at > done) found.push_back({done, at, false});
        done = at + next.size;
        found.push_back({at, done, true});
      }
      at += next.size;
    }
    if (done < text.size()) found.push_back({done, text.size(), false});
    return found;
  }
};

/// Contiguous: neighbours of one kind become one. Merged: the first match of a run joins its neighbour on one side.
std::vector<TextSpan> merged(const std::vector<TextSpan>& spans, SplitBehavior behavior) {
  std::vector<TextSpan> result;
  bool previous = false;
  for (const TextSpan& span : spans) {
    const bool joins = behavior == SplitBehavior::contiguous ? span.is_match == previous : span.is_match && !previous;
    if (joins && !result.empty()) {
      result.back().begin = std::min(result.back().begin, span.begin);
      result.back().end = std::max(result.back().end, span.end);
    } else {
      result.push_back(span);
    }
    previous = span.is_match;
  }
  return result;
}

}  // namespace

TextPattern::~TextPattern() = default;

std::shared_ptr<const TextPattern> regex_pattern(const std::string& regex, const std::string& where) {
  if (const auto known = known_word_pattern(regex)) return std::make_shared<WordMatches>(*known);
  return icu_regex_pattern(regex, where);
}

std::shared_ptr<const TextPattern> literal_pattern(std::string text) { return std::make_shared<LiteralMatches>(std::move(text)); }

std::shared_ptr<const TextPattern> digit_pattern() { return std::make_shared<DigitMatches>(); }

void apply_split(std::vector<TextSpan> spans, SplitBehavior behavior, bool invert, const std::function<void(std::size_t, std::size_t)>& keep) {
  if (invert)
    for (TextSpan& span : spans) span.is_match = !span.is_match;
  switch (behavior) {
    case SplitBehavior::isolated: break;
    case SplitBehavior::removed: std::erase_if(spans, [](const TextSpan& span) { return span.is_match; }); break;
    case SplitBehavior::contiguous:
    case SplitBehavior::merged_with_previous: spans = merged(spans, behavior); break;
    case SplitBehavior::merged_with_next:
      std::reverse(spans.begin(), spans.end());
      spans = merged(spans, behavior);
      std::reverse(spans.begin(), spans.end());
      break;
  }
  for (const TextSpan& span : spans)
    if (span.begin < span.end) keep(span.begin, span.end);
}

}  // namespace symphony
