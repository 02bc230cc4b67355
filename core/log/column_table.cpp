// See the header. Columns instead of one compound dataset: xarray and pandas read them as variables, and a column added later
// leaves the old ones as they are.
#include "core/log/column_table.hpp"

#include <numeric>

#include "core/log/axis_scale.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

H5Type file_type(ColumnType type) {
  if (type == ColumnType::text) return h5::text_type();
  return H5Type(H5Tcopy(type == ColumnType::real ? H5T_IEEE_F64LE : H5T_STD_I64LE));
}

template <typename Cell>
std::vector<Cell> column_of(std::span<const TableRow> rows, std::size_t column_idx) {
  std::vector<Cell> cells;
  for (const TableRow& row : rows) cells.push_back(std::get<Cell>(row.at(column_idx)));
  return cells;
}

void write_column(hid_t dataset, ColumnType type, hsize_t start, std::span<const TableRow> rows, std::size_t column_idx) {
  const hsize_t count = rows.size();
  if (type == ColumnType::text)
    h5::write_text(dataset, start, column_of<std::string>(rows, column_idx));
  else if (type == ColumnType::real)
    h5::write_block(dataset, {&start, 1}, {&count, 1}, H5T_NATIVE_DOUBLE, column_of<double>(rows, column_idx).data());
  else
    h5::write_block(dataset, {&start, 1}, {&count, 1}, H5T_NATIVE_INT64, column_of<std::int64_t>(rows, column_idx).data());
}

template <typename Cell>
std::vector<Cell> read_numbers(hid_t dataset, hid_t memory_type) {
  std::vector<Cell> cells(h5::shape_of(dataset).at(0));
  if (!cells.empty()) h5::read(dataset, memory_type, cells.data());
  return cells;
}

template <typename Cell>
void fill_column(std::vector<TableRow>& rows, std::size_t column_idx, const std::vector<Cell>& cells) {
  rows.resize(cells.size(), TableRow(column_idx));
  for (std::size_t row_idx = 0; row_idx < cells.size(); ++row_idx) rows[row_idx].emplace_back(cells[row_idx]);
}

H5Group create_table(hid_t location, const std::string& path, std::span<const TableColumn> columns) {
  H5Group group = h5::require_group(location, path);
  const H5Dataset scale = create_growing_scale(group.id(), layout::kRow);
  for (const TableColumn& column : columns) {
    const H5Dataset dataset = create_growing_column(group.id(), column.name, file_type(column.type).id(), scale.id());
    describe_dataset(dataset.id(), {column.name, column.unit, column.doc});
  }
  return group;
}

}  // namespace

void append_rows(hid_t location, const std::string& path, std::span<const TableColumn> columns, std::span<const TableRow> rows) {
  const H5Group group = h5::exists(location, path) ? h5::open_group(location, path) : create_table(location, path, columns);
  if (rows.empty()) return;
  const H5Dataset scale = h5::open_dataset(group.id(), layout::kRow);
  const hsize_t start = h5::shape_of(scale.id()).at(0);
  const hsize_t count = rows.size();
  const hsize_t total = start + count;
  std::vector<double> indices(count);
  std::iota(indices.begin(), indices.end(), static_cast<double>(start));
  h5::set_extent(scale.id(), {&total, 1});
  h5::write_block(scale.id(), {&start, 1}, {&count, 1}, H5T_NATIVE_DOUBLE, indices.data());
  for (std::size_t column_idx = 0; column_idx < columns.size(); ++column_idx) {
    const H5Dataset dataset = h5::open_dataset(group.id(), columns[column_idx].name);
    h5::set_extent(dataset.id(), {&total, 1});
    write_column(dataset.id(), columns[column_idx].type, start, rows, column_idx);
  }
}

std::vector<TableRow> read_rows(hid_t location, const std::string& path, std::span<const TableColumn> columns) {
  std::vector<TableRow> rows;
  if (!h5::exists(location, path)) return rows;
  const H5Group group = h5::open_group(location, path);
  for (std::size_t column_idx = 0; column_idx < columns.size(); ++column_idx) {
    if (columns[column_idx].absent && !h5::exists(group.id(), columns[column_idx].name)) {
      for (TableRow& row : rows) row.push_back(*columns[column_idx].absent);
      continue;
    }
    const H5Dataset dataset = h5::open_dataset(group.id(), columns[column_idx].name);
    switch (columns[column_idx].type) {
      case ColumnType::text: fill_column(rows, column_idx, h5::read_text(dataset.id())); break;
      case ColumnType::real: fill_column(rows, column_idx, read_numbers<double>(dataset.id(), H5T_NATIVE_DOUBLE)); break;
      case ColumnType::integer: fill_column(rows, column_idx, read_numbers<std::int64_t>(dataset.id(), H5T_NATIVE_INT64)); break;
    }
  }
  return rows;
}

}  // namespace symphony
