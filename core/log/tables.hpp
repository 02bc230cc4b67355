// The tables of the format: their columns, and how the structs of the log room become rows and come back.
#pragma once

#include <span>
#include <vector>

#include "core/log/column_table.hpp"
#include "core/log/evaluation_row.hpp"
#include "core/log/provenance.hpp"

namespace symphony {

/// One struct a table: columns(), to_row() and from_row() in the same order.
struct EvaluationTable {
  static std::span<const TableColumn> columns();
  static TableRow to_row(const EvaluationRow& row);
  static EvaluationRow from_row(const TableRow& row);
};
struct StageTable {
  static std::span<const TableColumn> columns();
  static TableRow to_row(const StageUse& stage);
  static StageUse from_row(const TableRow& row);
};
struct PluginTable {
  static std::span<const TableColumn> columns();
  static TableRow to_row(const PluginUse& plugin);
  static PluginUse from_row(const TableRow& row);
};
struct SeedTable {
  static std::span<const TableColumn> columns();
  static TableRow to_row(const SeedUse& seed);
};
/// Pairs of text: library and version, or configuration key and origin.
struct LibraryTable {
  static std::span<const TableColumn> columns();
};
struct OriginTable {
  static std::span<const TableColumn> columns();
};

template <typename Table, typename Item>
void append_items(hid_t location, const std::string& path, std::span<const Item> items) {
  std::vector<TableRow> rows;
  for (const Item& item : items) rows.push_back(Table::to_row(item));
  append_rows(location, path, Table::columns(), rows);
}

template <typename Table>
auto read_items(hid_t location, const std::string& path) {
  std::vector<decltype(Table::from_row({}))> items;
  for (const TableRow& row : read_rows(location, path, Table::columns())) items.push_back(Table::from_row(row));
  return items;
}

}  // namespace symphony
