// The two word patterns that public byte-level vocabularies use, matched by hand; any other goes through RegexSplitter, which they are
// tested against. Their alternatives cover every character, so the words tile the text. Patterns as released with GPT-2 and Llama 3:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+     (Qwen2: \p{N})
#pragma once

#include <optional>
#include <string_view>

namespace symphony {

struct WordPattern {
  enum class Kind { gpt2, llama3 };
  Kind kind = Kind::gpt2;
  int digits = 1;  ///< of kind llama3: numbers are cut after so many
};

inline constexpr std::string_view kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// The pattern that `regex` spells, if it is one of them.
std::optional<WordPattern> known_word_pattern(std::string_view regex);

/// Bytes of the word that starts at `at` < text.size(); never 0.
std::size_t word_length(const WordPattern& pattern, std::string_view text, std::size_t at);

}  // namespace symphony
