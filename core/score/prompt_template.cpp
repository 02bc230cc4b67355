// Parsing into plain text and fields; looking fields up in a row; the filters.
#include "core/score/prompt_template.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

constexpr std::string_view kSpace = " \t\n\r\v\f";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string strip(std::string text) {
  const auto first = text.find_first_not_of(kSpace);
  return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string all_lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), lower);
  return text;
}

std::string all_upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), upper);
  return text;
}

std::string capitalize(std::string text) {
  text = all_lower(std::move(text));
  if (!text.empty()) text.front() = upper(text.front());
  return text;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

std::string unmark(std::string text) {
  text = strip(std::move(text));
  replace_all(text, " [title]", ". ");
  for (std::size_t open = text.find('['); open != std::string::npos;) {
    const std::size_t close = text.find(']', open);
    // As the expression \[.*?\], whose dot stops at the end of a line.
    if (close == std::string::npos || text.find('\n', open) < close) open = text.find('[', open + 1);
    else text.erase(open, close - open + 1), open = text.find('[', open);
  }
  replace_all(text, "  ", " ");
  return text;
}

struct Filter {
  const char* name;
  std::string (*apply)(std::string);
};
constexpr std::array<Filter, 5> kFilters{{{"strip", strip}, {"lower", all_lower}, {"upper", all_upper}, {"capitalize", capitalize}, {"unmark", unmark}}};

const Filter* find_filter(std::string_view name) {
  for (const Filter& filter : kFilters)
    if (name == filter.name) return &filter;
  return nullptr;
}

std::string filtered(std::string text, const std::vector<std::string>& filters) {
  for (const std::string& name : filters) text = find_filter(name)->apply(std::move(text));
  return text;
}

const Value* element(const Value& list, const std::string& index) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), number);
  const bool is_index = error == std::errc() && end == index.data() + index.size();
  return is_index && number < list.as_list().size() ? &list.as_list()[number] : nullptr;
}

const Value& look_up(const Value& row, const std::vector<std::string>& path, std::string_view where) {
  const Value* value = &row;
  for (const std::string& key : path) {
    const Value* inner = value->is_map() ? value->find(key) : value->is_list() ? element(*value, key) : nullptr;
    if (!inner) {
      std::vector<std::string> keys;
      if (value->is_map())
        for (const auto& [name, unused] : value->as_map()) keys.push_back(name);
      fail<DataError>(where, "no field {} in {}; {}", quoted(join(path, ".")), value->describe(), name_hint(key, keys));
    }
    value = inner;
  }
  return *value;
}

std::string text_of(const Value& value, const std::vector<std::string>& path, std::string_view where) {
  if (value.is_string()) return value.as_string();
  if (value.is_number() || value.is_bool()) return to_json(value);
  fail<DataError>(where, "the field {} is {}, expected text or a number", quoted(join(path, ".")), value.describe());
}

}  // namespace

PromptTemplate::PromptTemplate(std::string_view text, std::string_view where) {
  Part plain;
  const auto close_plain = [&] {
    if (!plain.text.empty()) parts_.push_back(std::move(plain));
    plain = {};
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool doubled = at + 1 < text.size() && text[at + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      plain.text += c;
      ++at;
    } else if (c == '{') {
      const std::size_t end = text.find('}', at);
      if (end == std::string_view::npos) fail<ConfigError>(where, "the template {} has a '{{' without '}}'; write '{{{{' for a brace itself", quoted(text));
      close_plain();
      parts_.push_back(parse_field(text.substr(at + 1, end - at - 1), where));
      at = end;
    } else if (c == '}') {
      fail<ConfigError>(where, "the template {} has a '}}' without '{{'; write '}}}}' for a brace itself", quoted(text));
    } else {
      plain.text += c;
    }
  }
  close_plain();
}

PromptTemplate::Part PromptTemplate::parse_field(std::string_view field, std::string_view where) const {
  std::vector<std::string> words = split(field, '|');
  Part part;
  part.path = split(words.front(), '.');
  part.filters.assign(words.begin() + 1, words.end());
  if (std::any_of(part.path.begin(), part.path.end(), [](const std::string& key) { return key.empty(); }))
    fail<ConfigError>(where, "got the field {}, expected '{{name}}', '{{name.key}}' or '{{name|filter}}'", quoted(field));
  std::vector<std::string> known;
  for (const Filter& filter : kFilters) known.emplace_back(filter.name);
  for (const std::string& name : part.filters)
    if (!find_filter(name)) fail<ConfigError>(where, "unknown filter {} in a template; {}", quoted(name), name_hint(name, known));
  return part;
}

std::string PromptTemplate::fill(const Value& row, std::string_view where) const {
  std::string text;
  for (const Part& part : parts_) text += part.path.empty() ? part.text : filtered(text_of(look_up(row, part.path, where), part.path, where), part.filters);
  return text;
}

std::vector<std::string> PromptTemplate::fill_list(const Value& row, std::string_view where) const {
  if (parts_.size() != 1 || parts_.front().path.empty()) return {fill(row, where)};
  const Part& part = parts_.front();
  const Value& value = look_up(row, part.path, where);
  if (!value.is_list()) return {fill(row, where)};
  std::vector<std::string> texts;
  for (const Value& item : value.as_list()) texts.push_back(filtered(text_of(item, part.path, where), part.filters));
  return texts;
}

}  // namespace symphony
