// See the header. index.h5: /runs, a table of what each run's root attributes say; /run/<run id>, a link to the run's root group.
#include "core/log/index_file.hpp"

#include <algorithm>

#include "core/base/files.hpp"
#include "core/log/column_table.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

std::span<const TableColumn> run_columns() {
  static const std::vector<TableColumn> columns{
      {layout::kRunId, ColumnType::text, "", "name of the run and of its folder"},
      {layout::kExperiment, ColumnType::text, "", "name of the experiment"},
      {layout::kVariant, ColumnType::text, "", "point of the sweep"},
      {layout::kSeed, ColumnType::integer, "1", "root seed"},
      {layout::kStatus, ColumnType::text, "", "running, finished, failed or interrupted, when the index was written"},
      {layout::kMessage, ColumnType::text, "", "why it failed"},
      {"file", ColumnType::text, "", "run.h5, relative to the index's folder"},
  };
  return columns;
}

}  // namespace

void write_index(const std::filesystem::path& path, std::span<const IndexEntry> runs) {
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  PendingFile pending(path);
  {
    const H5File file = h5::create_file(pending.temporary());
    h5::set_attribute(file.id(), layout::kSchema, layout::kIndexSchema);
    h5::set_attribute(file.id(), layout::kSchemaVersion, std::int64_t{layout::kVersion});
    const H5Group links = h5::require_group(file.id(), layout::kRunLinks);
    std::vector<TableRow> rows;
    for (const IndexEntry& run : runs) {
      const std::string relative = std::filesystem::absolute(run.run_file).lexically_relative(folder).generic_string();
      const RunSummary& summary = run.summary;
      rows.push_back({summary.run_id, summary.experiment, summary.variant, summary.seed, summary.status, summary.message, relative});
      h5::create_external_link(relative, "/", links.id(), summary.run_id);
    }
    append_rows(file.id(), layout::kRuns, run_columns(), rows);
    h5::flush(file.id());
  }
  pending.commit();
}

std::vector<IndexEntry> read_index(const std::filesystem::path& path) {
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  const H5File file = h5::open_file(path, h5::Access::read);
  const auto text = [](const TableRow& row, std::size_t column_idx) { return std::get<std::string>(row.at(column_idx)); };
  std::vector<IndexEntry> runs;
  for (const TableRow& row : read_rows(file.id(), layout::kRuns, run_columns()))
    runs.push_back({{text(row, 0), text(row, 1), text(row, 2), std::get<std::int64_t>(row.at(3)), text(row, 4), text(row, 5)}, folder / text(row, 6)});
  return runs;
}

std::vector<IndexEntry> find_runs(const std::filesystem::path& folder) {
  std::vector<IndexEntry> runs;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::filesystem::path file = entry.path() / "run.h5";
    if (!std::filesystem::is_regular_file(file)) continue;
    runs.push_back({RunReader(file).summary(), file});
  }
  std::sort(runs.begin(), runs.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.summary.run_id < b.summary.run_id; });
  return runs;
}

}  // namespace symphony
