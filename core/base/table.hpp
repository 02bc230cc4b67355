// Rows of text under a header, as aligned columns, Markdown or CSV. Widths count code points of UTF-8.
#pragma once

#include <string>
#include <vector>

namespace symphony {

class Table {
 public:
  enum class Align { left, right };

  /// `alignment` may be shorter than the header: the columns after it are right-aligned, except the first, which is left-aligned.
  explicit Table(std::vector<std::string> header, std::vector<Align> alignment = {});
  /// As many cells as the header has; anything else is our own bug.
  void add_row(std::vector<std::string> cells);
  std::size_t num_rows() const { return rows_.size(); }

  /// Columns two spaces apart, a rule under the header, no trailing spaces, one line a row.
  std::string text() const;
  /// A GitHub-flavoured table, '|' escaped.
  std::string markdown() const;
  /// RFC 4180, lines ending in \n.
  std::string csv() const;

 private:
  std::vector<std::size_t> widths() const;
  std::vector<std::string> header_;
  std::vector<Align> alignment_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace symphony
