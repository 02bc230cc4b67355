// Tables in a file: one-dimensional columns of text, numbers or integers that grow together on the axis `row`.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/log/h5_handle.hpp"

namespace symphony {

enum class ColumnType { text, real, integer };

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::text;
  std::string unit;
  std::string doc;
};

using TableCell = std::variant<std::string, double, std::int64_t>;
using TableRow = std::vector<TableCell>;

/// Adds rows to the table at `path`, creating it when it is missing (also for no rows). The cells match the columns in number and type.
void append_rows(hid_t location, const std::string& path, std::span<const TableColumn> columns, std::span<const TableRow> rows);

/// All rows of the table at `path`, with these columns; none when there is no such table.
std::vector<TableRow> read_rows(hid_t location, const std::string& path, std::span<const TableColumn> columns);

}  // namespace symphony
