// Each step of a pre-tokenizer maps pieces to pieces; what it rewrites is owned by the caller.
#include "core/data/text_pieces.hpp"

#include "core/data/unicode_text.hpp"
#include "core/data/word_scanner.hpp"

namespace symphony {

namespace {

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

std::string replaced(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string result;
  result.reserve(text.size() + text.size() / 4);
  while (true) {
    const std::size_t at = text.find(pattern);
    result += text.substr(0, at);
    if (at == std::string_view::npos) return result;
    result += content;
    text.remove_prefix(at + pattern.size());
  }
}

}  // namespace

std::string normalized_text(const std::vector<NormalizerStep>& steps, std::string_view text) {
  std::string result(text);
  for (const NormalizerStep& step : steps)
    result = std::visit(Overloaded{[&](const UnicodeForm& form) { return unicode_normalized(result, form.name); },
                                   [&](const PrependText& prefix) { return result.empty() ? result : prefix.text + result; },
                                   [&](const ReplaceText& replace) { return replaced(result, replace.pattern, replace.content); }},
                        step);
  return result;
}

PreTokenizer::PreTokenizer(std::vector<PreTokenizerStep> steps, const std::string& where) : steps_(std::move(steps)) {
  using Pattern = std::shared_ptr<const TextPattern>;
  for (const PreTokenizerStep& step : steps_)
    patterns_.push_back(std::visit(
        Overloaded{[&](const SplitText& split) { return split.is_text ? literal_pattern(split.pattern) : regex_pattern(split.pattern, where); },
                   [](const SplitDigits&) { return digit_pattern(); },
                   [&](const ByteLevel& bytes) { return bytes.use_regex ? regex_pattern(std::string(kGpt2Pattern), where) : Pattern(); },
                   [](const Metaspace& blanks) { return blanks.split ? literal_pattern(blanks.replacement) : Pattern(); }},
        step));
}

std::vector<PreTokenizer::Piece> PreTokenizer::apply(std::size_t step_idx, const std::vector<Piece>& pieces, std::deque<std::string>& owned) const {
  const auto with_prefix = [&](std::string_view prefix, std::string_view text) -> std::string_view {
    return text.starts_with(prefix) ? text : owned.emplace_back(std::string(prefix) + std::string(text));
  };
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
  const auto rewritten = [&](const Piece& piece) {
    return std::visit(Overloaded{[&](const SplitText& split) {
                                   behavior = split.behavior, invert = split.invert;
                                   return piece.text;
                                 },
                                 [&](const SplitDigits& digits) {
                                   behavior = digits.individual ? SplitBehavior::isolated : SplitBehavior::contiguous;
                                   return piece.text;
                                 },
                                 [&](const ByteLevel& bytes) { return bytes.add_prefix_space ? with_prefix(" ", piece.text) : piece.text; },
                                 [&](const Metaspace& blanks) {
                                   behavior = SplitBehavior::merged_with_next;
                                   const std::string_view text = owned.emplace_back(replaced(piece.text, " ", blanks.replacement));
                                   const bool prefixed = blanks.prepend == PrependScheme::always || (blanks.prepend == PrependScheme::first && piece.at_start);
                                   return prefixed ? with_prefix(blanks.replacement, text) : text;
                                 }},
                      steps_[step_idx]);
  };
  std::vector<Piece> result;
  for (const Piece& piece : pieces) {
    const std::string_view text = rewritten(piece);
    if (!patterns_[step_idx]) {
      if (!text.empty()) result.push_back({text, piece.at_start});
      continue;
    }
    apply_split(patterns_[step_idx]->spans(text), behavior, invert, [&](std::size_t begin, std::size_t end) {
      result.push_back({text.substr(begin, end - begin), piece.at_start && begin == 0});
    });
  }
  return result;
}

std::vector<std::string_view> PreTokenizer::pieces(std::string_view text, bool at_start, std::deque<std::string>& owned) const {
  std::vector<Piece> current;
  if (!text.empty()) current.push_back({text, at_start});
  for (std::size_t step_idx = 0; step_idx < steps_.size(); ++step_idx) current = apply(step_idx, current, owned);
  std::vector<std::string_view> texts;
  texts.reserve(current.size());
  for (const Piece& piece : current) texts.push_back(piece.text);
  return texts;
}

}  // namespace symphony
