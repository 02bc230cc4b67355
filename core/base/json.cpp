// Reading through nlohmann's event interface, which does not recurse; writing by hand, so that numbers and order are ours.
#include "core/base/json.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <unordered_set>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

std::string place(std::string_view text, std::string_view where, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start = before.rfind('\n');
  const std::size_t column = before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  return fmt::format("{}:{}:{}", where, line, column);
}

/// Hands characters to the parser and counts them: the event interface itself tells no positions.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* position, const char** furthest) : position_(position), furthest_(furthest) {}
  reference operator*() const { return *position_; }
  CountingIterator& operator++() {
    ++position_;
    *furthest_ = std::max(*furthest_, position_);
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return position_ == other.position_; }
  bool operator!=(const CountingIterator& other) const { return position_ != other.position_; }

 private:
  const char* position_;
  const char** furthest_;
};

class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, std::string_view where, const char** furthest) : text_(text), where_(where), furthest_(furthest) {}

  bool null() override { return put(Value()); }
  bool boolean(bool flag) override { return put(flag); }
  bool number_integer(number_integer_t number) override { return put(static_cast<std::int64_t>(number)); }
  bool number_unsigned(number_unsigned_t number) override {
    const bool fits = number <= static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return put(fits ? Value(static_cast<std::int64_t>(number)) : Value(static_cast<double>(number)));
  }
  bool number_float(number_float_t number, const string_t&) override { return put(number); }
  bool string(string_t& text) override { return put(std::move(text)); }
  bool binary(binary_t&) override { return false; }  // does not occur in text

  bool start_object(std::size_t) override { return open(ValueMap{}); }
  bool start_array(std::size_t) override { return open(ValueList{}); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!open_.back().keys.insert(name).second) fail<DataError>(here(), "duplicate key {}", quoted(name));
    open_.back().pending_key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t offset, const std::string&, const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ..." keeps its last part.
    std::string_view message = error.what();
    if (const std::size_t start = message.find(": "); start != std::string_view::npos) message.remove_prefix(start + 2);
    fail<DataError>(place(text_, where_, offset > 0 ? offset - 1 : 0), "not valid JSON, {}", message);
  }

  Value take() { return std::move(root_); }

 private:
  struct Container {
    Value value;
    std::string pending_key;
    std::unordered_set<std::string> keys;  // a vocabulary has 10^5 keys: looking for duplicates one by one would take minutes
  };

  std::string here() const {
    const auto offset = static_cast<std::size_t>(*furthest_ - text_.data());
    return place(text_, where_, offset > 0 ? offset - 1 : 0);
  }

  bool put(Value value) {
    if (open_.empty()) root_ = std::move(value);
    else if (open_.back().value.is_list()) open_.back().value.as_list().push_back(std::move(value));
    else open_.back().value.as_map().emplace_back(std::move(open_.back().pending_key), std::move(value));
    return true;
  }
  bool open(Value container) {
    if (open_.size() >= kMaxJsonDepth) fail<DataError>(here(), "nested too deeply, expected at most {} levels", kMaxJsonDepth);
    open_.push_back({std::move(container), {}, {}});
    return true;
  }
  bool close() {
    Value finished = std::move(open_.back().value);
    open_.pop_back();
    return put(std::move(finished));
  }

  std::string_view text_, where_;
  const char** furthest_;
  Value root_;
  std::vector<Container> open_;
};

std::string number_text(double number) {
  if (!std::isfinite(number)) fail<DataError>("json", "the number {} cannot be written, expected a finite one", number);
  std::string text = fmt::format("{}", number);
  // Without a mark of its own it would be read back as an integer.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string string_text(const std::string& text) {
  // Most strings need no escaping, and a plan holds a million of them.
  const auto is_plain = [](char letter) { return letter >= 0x20 && letter < 0x7f && letter != '"' && letter != '\\'; };
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    std::string result;
    result.reserve(text.size() + 2);
    return result.append(1, '"').append(text).append(1, '"');
  }
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    fail<DataError>("json", "the text {} is not UTF-8", quoted(text));
  }
}

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void write(const Value& value) {
    if (value.is_null()) text_ += "null";
    else if (value.is_bool()) text_ += value.as_bool() ? "true" : "false";
    else if (value.is_int()) text_ += std::to_string(value.as_int());
    else if (value.is_number()) text_ += number_text(value.as_double());
    else if (value.is_string()) text_ += string_text(value.as_string());
    else if (value.is_list()) write_items(value.as_list(), '[', ']', [this](const Value& item) { write(item); });
    else write_items(value.as_map(), '{', '}', [this](const auto& item) {
      text_ += string_text(item.first) + (indent_ < 0 ? ":" : ": ");
      write(item.second);
    });
  }
  std::string take() { return std::move(text_); }

 private:
  template <typename Items, typename WriteItem>
  void write_items(const Items& items, char opening, char closing, WriteItem&& write_item) {
    text_ += opening;
    ++level_;
    bool first = true;
    for (const auto& item : items) {
      if (!first) text_ += ',';
      first = false;
      new_line();
      write_item(item);
    }
    --level_;
    if (!first) new_line();
    text_ += closing;
  }
  void new_line() {
    if (indent_ < 0) return;
    text_ += '\n';
    text_.append(static_cast<std::size_t>(level_ * indent_), ' ');
  }

  int indent_;
  int level_ = 0;
  std::string text_;
};

}  // namespace

Value parse_json(std::string_view text, std::string_view where) {
  const char* furthest = text.data();
  TreeBuilder builder(text, where, &furthest);
  const char* end = text.data() + text.size();
  nlohmann::json::sax_parse(CountingIterator(text.data(), &furthest), CountingIterator(end, &furthest), &builder);
  return builder.take();
}

std::string to_json(const Value& value, int indent) {
  Writer writer(indent);
  writer.write(value);
  return writer.take();
}

}  // namespace symphony
