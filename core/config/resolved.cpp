// Emitting by hand: yaml-cpp's emitter writes numbers with fewer digits and strings that our strict reader would refuse.
#include "core/config/resolved.hpp"

#include <cmath>

#include "core/base/error.hpp"
#include "core/base/schema.hpp"
#include "core/base/text.hpp"
#include "core/config/bind.hpp"
#include "core/config/scalar.hpp"

namespace symphony {

namespace {

constexpr std::size_t kFlowWidth = 100;  ///< a list of scalars up to this long stays on one line

/// Whether the text can stand without quotes: letters, digits and marks without meaning in YAML, and not read as anything but itself.
bool is_plain(const std::string& text) {
  constexpr std::string_view kInside = "_./+-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kFirst = "_./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  if (text.empty() || kFirst.find(text[0]) == std::string_view::npos || text.find_first_not_of(kInside) != std::string::npos) return false;
  const auto resolved = resolve_plain_scalar(text);
  const Value* value = std::get_if<Value>(&resolved);
  return value && value->is_string() && text != "..." && text != "---";
}

std::string string_text(const std::string& text) {
  if (is_plain(text)) return text;
  if (valid_utf8_prefix(text) != text.size()) fail<DataError>("yaml", "the text {} is not UTF-8", quoted(text));
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') result += fmt::format("\\{}", c);
    else if (c == '\n') result += "\\n";
    else if (c == '\t') result += "\\t";
    else if (byte < 0x20 || byte == 0x7f) result += fmt::format("\\x{:02x}", byte);
    else result += c;
  }
  return result + '"';
}

std::string scalar_text(const Value& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_int()) return std::to_string(value.as_int());
  if (value.is_string()) return string_text(value.as_string());
  if (value.is_list()) return "[]";
  if (value.is_map()) return "{}";
  const double number = value.as_double();
  if (!std::isfinite(number)) fail<DataError>("yaml", "the number {} cannot be written, expected a finite one", number);
  std::string text = fmt::format("{}", number);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

bool is_empty_container(const Value& value) {
  return (value.is_list() && value.as_list().empty()) || (value.is_map() && value.as_map().empty());
}
bool is_leaf(const Value& value) { return (!value.is_list() && !value.is_map()) || is_empty_container(value); }

/// "[1, 2, 3]" for a short list of leaves, otherwise "".
std::string flow_text(const Value& value) {
  if (!value.is_list()) return "";
  std::string text;
  for (const Value& item : value.as_list()) {
    if (!is_leaf(item)) return "";
    text += (text.empty() ? "[" : ", ") + scalar_text(item);
    if (text.size() > kFlowWidth) return "";
  }
  return text + "]";
}

void write_block(std::string& out, const Value& value, std::size_t indent);

/// What follows "key:" or "-": on the same line where it fits one, otherwise as an indented block.
void write_after(std::string& out, const Value& value, std::size_t indent) {
  const std::string inline_text = is_leaf(value) ? scalar_text(value) : flow_text(value);
  if (!inline_text.empty()) {
    out += " " + inline_text + "\n";
    return;
  }
  out += "\n";
  write_block(out, value, indent);
}

void write_block(std::string& out, const Value& value, std::size_t indent) {
  if (value.is_list()) {
    for (const Value& item : value.as_list()) {
      out.append(indent, ' ').append("-");
      write_after(out, item, indent + 2);
    }
    return;
  }
  for (const auto& [key, item] : value.as_map()) {
    out.append(indent, ' ').append(string_text(key)).append(":");
    write_after(out, item, indent + 2);
  }
}

/// Where the value at `path` was written, if it was. A bare method's name is the resolved `method`, a lone value the resolved list's first item.
Mark origin_of(const Node& written, const std::vector<std::string>& path) {
  const Located found = locate(written, path);
  if (found.depth == path.size()) return found.node->mark;
  const bool stands_for = found.depth + 1 == path.size() && found.node->kind == Node::Kind::scalar && !found.node->is_null() &&
                          (path.back() == "0" || (path.back() == "method" && found.node->is_string()));
  return stands_for ? found.node->mark : Mark{};
}

void collect_origins(const Value& value, const Node& written, std::vector<std::string>& path, std::vector<Origin>& result) {
  if (is_leaf(value)) {
    result.push_back({path_text(path), origin_of(written, path).text()});
    return;
  }
  const auto inside = [&](std::string part, const Value& item) {
    path.push_back(std::move(part));
    collect_origins(item, written, path, result);
    path.pop_back();
  };
  if (value.is_map()) {
    for (const auto& [key, item] : value.as_map()) inside(key, item);
  } else {
    for (std::size_t index = 0; index < value.as_list().size(); ++index) inside(std::to_string(index), value.as_list()[index]);
  }
}

}  // namespace

std::string to_yaml(const Value& value) {
  if (is_leaf(value)) return scalar_text(value) + "\n";
  std::string out;
  write_block(out, value, 0);
  return out;
}

std::vector<Origin> origins(const Value& resolved, const Node& written) {
  std::vector<Origin> result;
  std::vector<std::string> path;
  collect_origins(resolved, written, path, result);
  return result;
}

}  // namespace symphony
