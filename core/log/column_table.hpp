// Tables in a file: one-dimensional columns of text, numbers or integers that grow together on the axis `row`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/log/h5_handle.hpp"

namespace symphony {

enum class ColumnType { text, real, integer };

using TableCell = std::variant<std::string, double, std::int64_t>;

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::text;
  std::string unit;
  std::string doc;
  std::optional<TableCell> absent = std::nullopt;  ///< what the rows of files hold that were written before there was this column
};
using TableRow = std::vector<TableCell>;

/// Adds rows to the table at `path`, creating it when it is missing (also for no rows). The cells match the columns in number and type.
void append_rows(hid_t location, const std::string& path, std::span<const TableColumn> columns, std::span<const TableRow> rows);

/// All rows of the table at `path`, with these columns; none when there is no such table. Columns with a value for absence come last.
std::vector<TableRow> read_rows(hid_t location, const std::string& path, std::span<const TableColumn> columns);

}  // namespace symphony
