// Differs from a search for whole words first: a match that is then rejected (not a whole word, a special token that counts as text) still
// hides those that overlap it, as in the reference implementation.
#include "core/data/added_tokens.hpp"

#include <algorithm>

#include "core/data/unicode_text.hpp"

namespace symphony {

namespace {

/// Where the last character of text[0, end) starts; it may be a byte of its own. `end` > 0.
std::size_t last_start(std::string_view text, std::size_t end) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(4, end); ++size) {
    const Utf8Char found = utf8_at(text.substr(0, end), end - size);
    if (found.valid && found.size == size) return end - size;
  }
  return end - 1;
}

bool ends_with_word(std::string_view text, std::size_t end) {
  if (end == 0) return false;
  const Utf8Char last = utf8_at(text, last_start(text, end));
  return last.valid && is_word_char(last.value);
}

bool starts_with_word(std::string_view text, std::size_t begin) {
  if (begin == text.size()) return false;
  const Utf8Char first = utf8_at(text, begin);
  return first.valid && is_word_char(first.value);
}

std::size_t before_blanks(std::string_view text, std::size_t end) {
  while (end > 0) {
    const std::size_t start = last_start(text, end);
    if (char_class(utf8_at(text, start).value) != CharClass::space) break;
    end = start;
  }
  return end;
}

std::size_t after_blanks(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const Utf8Char next = utf8_at(text, begin);
    if (char_class(next.value) != CharClass::space) break;
    begin += next.size;
  }
  return begin;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) { return a.content.size() > b.content.size(); });
  for (std::size_t index = 0; index < tokens_.size(); ++index)
    if (!tokens_[index].content.empty()) by_first_byte_[static_cast<unsigned char>(tokens_[index].content.front())].push_back(index);
}

const AddedToken* AddedTokens::match_at(std::string_view text, std::size_t at) const {
  for (const std::size_t index : by_first_byte_[static_cast<unsigned char>(text[at])])
    if (text.substr(at).starts_with(tokens_[index].content)) return &tokens_[index];
  return nullptr;
}

std::vector<AddedTokens::Section> AddedTokens::sections(std::string_view text, bool read_special) const {
  std::vector<Section> found;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = match_at(text, at);
    if (!token) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->special && !read_special) continue;
    if (token->single_word && (ends_with_word(text, begin) || starts_with_word(text, end))) continue;
    if (token->lstrip) begin = std::max(before_blanks(text, begin), done);
    if (token->rstrip) end = after_blanks(text, end);
    if (done < begin) found.push_back({std::nullopt, done, begin});
    found.push_back({token->id, begin, end});
    done = end;
  }
  if (done < text.size()) found.push_back({std::nullopt, done, text.size()});
  return found;
}

}  // namespace symphony
