// One function an alternative, tried in the order of the pattern. Each returns where its match ends, or the start where it does not match.
#include "core/data/word_scanner.hpp"

#include <array>

#include "core/data/unicode_text.hpp"

namespace symphony {

namespace {

constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool at_end(std::size_t at) const { return at >= text_.size(); }
  Utf8Char character(std::size_t at) const { return utf8_at(text_, at); }
  bool is(CharClass wanted, std::size_t at) const { return !at_end(at) && char_class(character(at).value) == wanted; }
  bool is_newline(std::size_t at) const { return !at_end(at) && (text_[at] == '\r' || text_[at] == '\n'); }

  std::size_t run(CharClass wanted, std::size_t at) const {
    while (!at_end(at)) {
      const Utf8Char next = character(at);
      if (char_class(next.value) != wanted) break;
      at += next.size;
    }
    return at;
  }

  std::size_t contraction(std::size_t at, bool any_case) const {
    if (text_[at] != '\'') return at;
    for (const std::string_view ending : {"s", "t", "re", "ve", "m", "ll", "d"})
      if (const std::size_t size = ending_size(text_.substr(at + 1), ending, any_case)) return at + 1 + size;
    return at;
  }

  /// \s+(?!\S)|\s+: the last blank before a word belongs to what follows.
  std::size_t blanks(std::size_t at) const {
    std::size_t last = at, end = at;
    while (is(CharClass::space, end)) {
      last = end;
      end += character(end).size;
    }
    return at_end(end) || last == at ? end : last;
  }

  /// \s*[\r\n]+: up to the last line break among the blanks.
  std::size_t line_breaks(std::size_t at) const {
    std::size_t match = at;
    for (std::size_t end = at; is(CharClass::space, end);) {
      const bool newline = is_newline(end);
      end += character(end).size;
      if (newline) match = end;
    }
    return match;
  }

 private:
  /// Bytes of `ending` at the start of `rest`. U+017F is the one character beyond ASCII whose case folds to one of these letters.
  static std::size_t ending_size(std::string_view rest, std::string_view ending, bool any_case) {
    if (any_case && ending == "s" && rest.starts_with("\xc5\xbf")) return 2;
    if (rest.size() < ending.size()) return 0;
    for (std::size_t letter = 0; letter < ending.size(); ++letter) {
      const char found = rest[letter], lower = any_case && found >= 'A' && found <= 'Z' ? static_cast<char>(found - 'A' + 'a') : found;
      if (lower != ending[letter]) return 0;
    }
    return ending.size();
  }

  std::string_view text_;
};

std::size_t gpt2_end(const Scanner& scan, std::string_view text, std::size_t at) {
  if (const std::size_t end = scan.contraction(at, false); end != at) return end;
  const std::size_t start = text[at] == ' ' ? at + 1 : at;
  for (const CharClass kind : {CharClass::letter, CharClass::number, CharClass::other})
    if (const std::size_t end = scan.run(kind, start); end != start) return end;
  return scan.blanks(at);
}

std::size_t llama3_end(const Scanner& scan, std::string_view text, std::size_t at, int digits) {
  if (const std::size_t end = scan.contraction(at, true); end != at) return end;
  const Utf8Char first = scan.character(at);
  const CharClass kind = char_class(first.value);
  if (kind == CharClass::letter) return scan.run(CharClass::letter, at);
  if (kind != CharClass::number && !scan.is_newline(at) && scan.is(CharClass::letter, at + first.size)) return scan.run(CharClass::letter, at + first.size);
  if (kind == CharClass::number) {
    std::size_t end = at;
    for (int count = 0; count < digits && scan.is(CharClass::number, end); ++count) end += scan.character(end).size;
    return end;
  }
  const std::size_t start = text[at] == ' ' ? at + 1 : at;
  if (std::size_t end = scan.run(CharClass::other, start); end != start) {
    while (scan.is_newline(end)) ++end;
    return end;
  }
  const std::size_t end = scan.line_breaks(at);
  return end != at ? end : scan.blanks(at);
}

}  // namespace

std::optional<WordPattern> known_word_pattern(std::string_view regex) {
  if (regex == kGpt2Pattern) return WordPattern{WordPattern::Kind::gpt2, 1};
  if (regex == kLlama3Pattern) return WordPattern{WordPattern::Kind::llama3, 3};
  if (regex == kQwen2Pattern) return WordPattern{WordPattern::Kind::llama3, 1};
  return std::nullopt;
}

std::size_t word_length(const WordPattern& pattern, std::string_view text, std::size_t at) {
  const Scanner scan(text);
  return (pattern.kind == WordPattern::Kind::gpt2 ? gpt2_end(scan, text, at) : llama3_end(scan, text, at, pattern.digits)) - at;
}

}  // namespace symphony
