// Columns and conversions of the tables in run.h5 and record.h5.
#include "core/log/tables.hpp"

#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

const std::string& text(const TableRow& row, std::size_t column_idx) { return std::get<std::string>(row.at(column_idx)); }
double real(const TableRow& row, std::size_t column_idx) { return std::get<double>(row.at(column_idx)); }
std::int64_t integer(const TableRow& row, std::size_t column_idx) { return std::get<std::int64_t>(row.at(column_idx)); }

}  // namespace

std::span<const TableColumn> EvaluationTable::columns() {
  static const std::vector<TableColumn> columns{
      {"subject", ColumnType::text, "", "what was measured: model, or a rival"},
      {"moment", ColumnType::text, "", "when it was measured"},
      {"suite", ColumnType::text, "", "evaluation plugin, without its category"},
      {"version", ColumnType::integer, "1", "version of the suite"},
      {"task", ColumnType::text, "", "part of the suite: a domain, a layer, an average"},
      {"metric", ColumnType::text, "", "name of the number"},
      {"value", ColumnType::real, "see the column unit", "the number"},
      {"std_error", ColumnType::real, "see the column unit", "its standard error, NaN when it has none"},
      {"n", ColumnType::integer, "1", "units that the standard error rests on"},
      {"unit", ColumnType::text, "", "unit of value and std_error"},
      {"better", ColumnType::text, "", "lower, higher or neither"},
      {"filter", ColumnType::text, "", "how an answer was taken out of generated text; none where nothing is", TableCell(std::string("none"))},
      {"shots", ColumnType::integer, "1", "worked examples before each question", TableCell(std::int64_t{0})},
  };
  return columns;
}

TableRow EvaluationTable::to_row(const EvaluationRow& row) {
  return {row.subject, row.moment, row.suite, row.version, row.task, row.metric, row.value, row.std_error, row.n, row.unit, row.better,
          row.filter, row.shots};
}

EvaluationRow EvaluationTable::from_row(const TableRow& row) {
  return {text(row, 0), text(row, 1), text(row, 2), integer(row, 3), text(row, 4), text(row, 5),
          real(row, 6), real(row, 7), integer(row, 8), text(row, 9), text(row, 10), text(row, 11), integer(row, 12)};
}

std::span<const TableColumn> StageTable::columns() {
  static const std::vector<TableColumn> columns{
      {"name", ColumnType::text, "", "stage, in the order in which results were taken"},
      {"key", ColumnType::text, "", "equal keys share one result"},
      {"cached", ColumnType::integer, "1", "1 when the result was there already, 0 when this run computed it"},
      {"wall_seconds", ColumnType::real, "seconds", "of this run's computing or waiting"},
      {"cpu_seconds", ColumnType::real, "seconds", "user and system time of this run's process"},
  };
  return columns;
}

TableRow StageTable::to_row(const StageUse& stage) {
  return {stage.name, stage.key, static_cast<std::int64_t>(stage.cached), stage.wall_seconds, stage.cpu_seconds};
}

StageUse StageTable::from_row(const TableRow& row) { return {text(row, 0), text(row, 1), integer(row, 2) != 0, real(row, 3), real(row, 4)}; }

std::span<const TableColumn> PluginTable::columns() {
  static const std::vector<TableColumn> columns{
      {"id", ColumnType::text, "", "category.name"},
      {"revision", ColumnType::integer, "1", "of its behaviour"},
      {"library", ColumnType::text, "", "file name"},
      {"library_sha256", ColumnType::text, "", "hash of the file"},
  };
  return columns;
}

TableRow PluginTable::to_row(const PluginUse& plugin) { return {plugin.id, plugin.revision, plugin.library, plugin.library_sha256}; }

PluginUse PluginTable::from_row(const TableRow& row) { return {text(row, 0), integer(row, 1), text(row, 2), text(row, 3)}; }

std::span<const TableColumn> SeedTable::columns() {
  static const std::vector<TableColumn> columns{
      {"purpose", ColumnType::text, "", "what the seed is for"},
      {"value", ColumnType::text, "", "decimal, 64 bits unsigned"},
  };
  return columns;
}

// As text: readers that hold integers as int64 or as float64 would change a 64-bit seed.
TableRow SeedTable::to_row(const SeedUse& seed) { return {seed.purpose, std::to_string(seed.value)}; }

std::span<const TableColumn> LibraryTable::columns() {
  static const std::vector<TableColumn> columns{
      {"name", ColumnType::text, "", "library"},
      {"version", ColumnType::text, "", "version in use"},
  };
  return columns;
}

std::span<const TableColumn> OriginTable::columns() {
  static const std::vector<TableColumn> columns{
      {"key", ColumnType::text, "", "path of a setting in the resolved configuration"},
      {"origin", ColumnType::text, "", "where its value came from"},
  };
  return columns;
}

void record_evaluation_rows(RecordFile& file, std::span<const EvaluationRow> rows) {
  append_items<EvaluationTable>(file.id(), layout::kRows, rows);
}

std::vector<EvaluationRow> read_evaluation_rows(const std::filesystem::path& path) {
  const H5File file = h5::open_file(path, h5::Access::read);
  const bool is_run = h5::text_attribute(file.id(), layout::kSchema) == layout::kRunSchema;
  return read_items<EvaluationTable>(file.id(), is_run ? layout::kEvaluationRows : layout::kRows);
}

}  // namespace symphony
