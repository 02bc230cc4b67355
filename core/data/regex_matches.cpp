// Regular expressions through ICU. Accepted is the common ground of ICU and Oniguruma: literals, . | * + ? {n,m} and their lazy forms, classes,
// \s \S \d \D \p{..} \P{..}, groups (?: and (?i:, look-ahead. Refused by name: what they read differently (^ and $ are per line in Oniguruma,
// \h, \w, possessive {n,m}+, ...) and back-references.
#include <algorithm>
#include <array>
#include <cctype>

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/data/text_matches.hpp"
#include "core/data/unicode_text.hpp"

namespace symphony {

namespace {

constexpr std::size_t kLargestText = std::size_t{1} << 30;  ///< bytes; ICU counts in int32
constexpr std::int32_t kStackBytes = 256 << 20;             ///< for patterns that backtrack over a whole text
constexpr std::int32_t kMatchSteps = 2000;                  ///< of one match; about milliseconds, counted in work, so that it is the same everywhere

/// The first construct of `regex` that is not common ground, or "".
std::string foreign_syntax(std::string_view regex) {
  constexpr std::string_view kEscapes = "sSdDpPrntf";
  constexpr std::array<std::string_view, 4> kGroups{"?:", "?i:", "?=", "?!"};
  int depth = 0;  // of character classes
  for (std::size_t at = 0; at < regex.size(); ++at) {
    const char letter = regex[at], next = at + 1 < regex.size() ? regex[at + 1] : '\0';
    if (letter == '\\') {
      if (next == '\0' || (std::isalnum(static_cast<unsigned char>(next)) && kEscapes.find(next) == std::string_view::npos))
        return std::string(regex.substr(at, 2));
      ++at;
      if ((next == 'p' || next == 'P') && regex.substr(at + 1).starts_with('{')) at = std::min(regex.find('}', at), regex.size());  // a property's name
    } else if (letter == '[') {
      if (next == ':') return "[:";
      ++depth;
      if (next == '^') ++at;
    } else if (letter == ']') {
      --depth;
    } else if (depth > 0) {
      if ((letter == '&' || letter == '-') && next == letter) return std::string(2, letter);
    } else if (letter == '^' || letter == '$') {
      return std::string(1, letter);
    } else if (letter == '(' && next == '?') {
      const std::string_view rest = regex.substr(at + 1);
      const bool known = std::any_of(kGroups.begin(), kGroups.end(), [&](std::string_view group) { return rest.starts_with(group); });
      if (!known) return std::string(regex.substr(at, 3));
    } else if (letter == '}' && next == '+') {
      return "}+";
    }
  }
  return {};
}

class RegexMatches final : public TextPattern {
 public:
  RegexMatches(const std::string& regex, const std::string& where) {
    const std::string foreign = foreign_syntax(regex);
    if (!foreign.empty()) fail<DataError>(where, "the pattern {} uses {}, which is not supported", quoted(regex), quoted(foreign));
    UErrorCode status = U_ZERO_ERROR;
    UParseError place{};
    pattern_.reset(icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(regex), 0, place, status));
    if (U_FAILURE(status))
      fail<DataError>(where, "the pattern {} is not a regular expression: {} at character {}", quoted(regex), u_errorName(status), place.offset);
  }

  std::vector<TextSpan> spans(std::string_view text) const override {
    if (text.size() > kLargestText) fail<DataError>("tokenizer", "a text of {}, expected at most {}", human_bytes(text.size()), human_bytes(kLargestText));
    const Units units(text);
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(units.text, status));
    if (matcher) {
      matcher->setStackLimit(kStackBytes, status);
      matcher->setTimeLimit(kMatchSteps, status);
    }
    std::vector<TextSpan> found;
    std::size_t done = 0;
    while (U_SUCCESS(status) && matcher->find(status)) {
      const std::size_t begin = units.byte_of(matcher->start(status)), end = units.byte_of(matcher->end(status));
      if (begin == end) continue;  // an empty match splits nothing
      if (begin > done) found.push_back({done, begin, false});
      found.push_back({begin, end, true});
      done = end;
    }
    if (U_FAILURE(status)) fail<DataError>("tokenizer", "splitting {} of text: {}", human_bytes(text.size()), u_errorName(status));
    if (done < text.size()) found.push_back({done, text.size(), false});
    return found;
  }

 private:
  /// The text in UTF-16, and where each unit's character starts in the bytes.
  struct Units {
    explicit Units(std::string_view bytes) {
      offsets.reserve(bytes.size() + 1);
      for (std::size_t at = 0; at < bytes.size();) {
        const Utf8Char next = utf8_at(bytes, at);
        text.append(static_cast<UChar32>(next.value));
        offsets.resize(static_cast<std::size_t>(text.length()), static_cast<std::uint32_t>(at));
        at += next.size;
      }
      offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
    }
    std::size_t byte_of(std::int32_t unit) const { return offsets[static_cast<std::size_t>(unit)]; }
    icu::UnicodeString text;
    std::vector<std::uint32_t> offsets;
  };

  std::unique_ptr<icu::RegexPattern> pattern_;
};

}  // namespace

std::shared_ptr<const TextPattern> icu_regex_pattern(const std::string& regex, const std::string& where) {
  return std::make_shared<RegexMatches>(regex, where);
}

}  // namespace symphony
