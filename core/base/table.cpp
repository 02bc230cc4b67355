// The three forms of a table.
#include "core/base/table.hpp"

#include <algorithm>

#include "core/base/error.hpp"

namespace symphony {

namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width, Table::Align align) {
  const std::string space(width - std::min(width, width_of(text)), ' ');
  return align == Table::Align::left ? text + space : space + text;
}

/// Every occurrence of `from` becomes `to`.
std::string replaced(std::string text, char from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, 1, to);
  return text;
}

}  // namespace

Table::Table(std::vector<std::string> header, std::vector<Align> alignment) : header_(std::move(header)), alignment_(std::move(alignment)) {
  SYMPHONY_ASSERT(!header_.empty() && alignment_.size() <= header_.size());
  if (alignment_.empty()) alignment_.push_back(Align::left);
  alignment_.resize(header_.size(), Align::right);
}

void Table::add_row(std::vector<std::string> cells) {
  SYMPHONY_ASSERT(cells.size() == header_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> result;
  for (std::size_t column = 0; column < header_.size(); ++column) {
    std::size_t width = width_of(header_[column]);
    for (const auto& row : rows_) width = std::max(width, width_of(row[column]));
    result.push_back(width);
  }
  return result;
}

std::string Table::text() const {
  const auto column_widths = widths();
  std::string result;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t column = 0; column < cells.size(); ++column)
      line += (column ? "  " : "") + padded(cells[column], column_widths[column], alignment_[column]);
    line.erase(line.find_last_not_of(' ') + 1);
    result += line + '\n';
  };
  add_line(header_);
  std::vector<std::string> rule;
  for (const std::size_t width : column_widths) rule.emplace_back(width, '-');
  add_line(rule);
  for (const auto& row : rows_) add_line(row);
  return result;
}

std::string Table::markdown() const {
  std::string result;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    result += '|';
    for (const std::string& cell : cells) result += ' ' + replaced(cell, '|', "\\|") + " |";
    result += '\n';
  };
  add_line(header_);
  result += '|';
  for (const Align align : alignment_) result += align == Align::left ? "---|" : "---:|";
  result += '\n';
  for (const auto& row : rows_) add_line(row);
  return result;
}

std::string Table::csv() const {
  std::string result;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    for (std::size_t column = 0; column < cells.size(); ++column) {
      if (column) result += ',';
      const bool plain = cells[column].find_first_of(",\"\r\n") == std::string::npos;
      result += plain ? cells[column] : '"' + replaced(cells[column], '"', "\"\"") + '"';
    }
    result += '\n';
  };
  add_line(header_);
  for (const auto& row : rows_) add_line(row);
  return result;
}

}  // namespace symphony
