// Columns, each knowing its text, its numbers and its order; and the four formats made of them.
#include "core/app/table_formats.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/table.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

using Numbers = std::vector<std::optional<double>>;

struct Column {
  std::string header;
  std::function<std::string(const VariantRow&)> text;
  std::vector<std::string> number_names;             ///< appended to the header in CSV; empty: the text is the value
  std::function<Numbers(const VariantRow&)> numbers;   ///< the first is what rows are ordered by
  bool highest_first = false;
};

std::string cell(const std::optional<Statistic>& value) {
  if (!value) return "-";
  if (!value->spread) return fmt::format("{:.3f}", value->mean);
  return fmt::format("{:.3f} +- {:.3f}", value->mean, *value->spread);
}

Numbers numbers(const std::optional<Statistic>& value) {
  if (!value) return {std::nullopt, std::nullopt};
  return {value->mean, value->spread};
}

/// Differences of rounding size must not print as zero.
std::string signed_text(double value, bool tiny) { return tiny ? fmt::format("{:+.1e}", value) : fmt::format("{:+.3f}", value); }

std::string cell(const std::optional<PairedDifference>& difference) {
  if (!difference) return "-";
  const bool unknown = std::isnan(difference->half_width);
  const bool tiny = std::abs(difference->mean) < 5e-4 && (unknown || difference->half_width < 5e-4);
  const std::string mean = signed_text(difference->mean, tiny);
  if (unknown) return fmt::format("{} (spread unknown)", mean);
  return mean + (tiny ? fmt::format(" +- {:.0e}", difference->half_width) : fmt::format(" +- {:.3f}", difference->half_width));
}

std::string by_seed_text(const std::optional<PairedDifference>& difference) {
  if (!difference) return "-";
  std::string text;
  for (const double value : difference->by_seed) text += fmt::format("{}{}", text.empty() ? "" : " ", signed_text(value, std::abs(value) < 5e-4));
  return text;
}

Column text_column(std::string header, std::function<std::string(const VariantRow&)> text) {
  return {std::move(header), std::move(text), {}, [](const VariantRow&) { return Numbers{}; }};
}

bool is_baseline(const SweepTable& table, const VariantRow& row) { return !row.rival && row.name == table.baseline; }

std::string shown_name(const VariantRow& row) { return row.rival ? fmt::format("({})", row.full_name()) : row.full_name(); }

void add_metric_columns(const SweepTable& table, std::size_t metric, std::vector<Column>& columns) {
  const MetricChoice& choice = table.metrics[metric];
  const bool highest_first = choice.better == "higher";
  const std::string lead = table.metrics.size() > 1 ? fmt::format("{} ", choice.name()) : "";
  const auto add_value = [&](const std::string& header, const std::function<const std::optional<Statistic>&(const VariantRow&)>& value) {
    columns.push_back({lead + header, [value](const VariantRow& row) { return cell(value(row)); }, {"", " spread"},
                       [value](const VariantRow& row) { return numbers(value(row)); }, highest_first});
  };
  // Several metrics side by side: the last point of each.
  for (std::size_t point = table.metrics.size() > 1 ? table.points.size() - 1 : 0; point < table.points.size(); ++point)
    add_value(table.points[point], [metric, point](const VariantRow& row) -> const std::optional<Statistic>& { return row.metrics[metric].points[point]; });
  if (choice.task == kInDomain)
    add_value("out of distribution", [metric](const VariantRow& row) -> const std::optional<Statistic>& { return row.metrics[metric].out_of_distribution; });
  if (table.baseline.empty()) return;
  columns.push_back({fmt::format("{}difference from {}", lead, table.baseline),
                     [&table, metric](const VariantRow& row) { return is_baseline(table, row) ? std::string("baseline") : cell(row.metrics[metric].difference); },
                     {"", " half width", " n"},
                     [metric](const VariantRow& row) {
                       const auto& difference = row.metrics[metric].difference;
                       if (!difference) return Numbers{std::nullopt, std::nullopt, std::nullopt};
                       const auto width = std::isnan(difference->half_width) ? std::nullopt : std::optional(difference->half_width);
                       return Numbers{difference->mean, width, static_cast<double>(difference->seeds)};
                     },
                     highest_first});
  if (table.seeds.size() > 1)
    columns.push_back(text_column(fmt::format("{}by seed", lead), [metric](const VariantRow& row) { return by_seed_text(row.metrics[metric].difference); }));
}

/// They refer to `table`.
std::vector<Column> columns_of(const SweepTable& table) {
  std::vector<Column> columns;
  if (table.blocks.size() > 1) columns.push_back(text_column("block", [](const VariantRow& row) { return row.block; }));
  columns.push_back(text_column("variant", shown_name));
  for (std::size_t metric = 0; metric < table.metrics.size(); ++metric) add_metric_columns(table, metric, columns);
  columns.push_back({"n", [](const VariantRow& row) { return std::to_string(row.seeds); }, {""},
                     [](const VariantRow& row) { return Numbers{static_cast<double>(row.seeds)}; }});
  return columns;
}

Table readable(const SweepTable& table) {
  const auto columns = columns_of(table);
  std::vector<std::string> header;
  for (const Column& column : columns) header.push_back(column.header);
  Table result(header);
  for (const VariantRow& row : table.rows) {
    std::vector<std::string> cells;
    for (const Column& column : columns) cells.push_back(column.text(row));
    result.add_row(cells);
  }
  return result;
}

Table numeric(const SweepTable& table) {
  const auto columns = columns_of(table);
  std::vector<std::string> header;
  for (const Column& column : columns) {
    if (column.number_names.empty()) header.push_back(column.header);
    for (const std::string& name : column.number_names) header.push_back(column.header + name);
  }
  Table result(header);
  for (const VariantRow& row : table.rows) {
    std::vector<std::string> cells;
    for (const Column& column : columns) {
      if (column.number_names.empty()) cells.push_back(column.text(row));
      else
        for (const auto& number : column.numbers(row)) cells.push_back(number ? fmt::format("{}", *number) : "");
    }
    result.add_row(cells);
  }
  return result;
}

Value json_value(const std::optional<Statistic>& statistic) {
  if (!statistic) return {};
  return ValueMap{{"mean", statistic->mean}, {"spread", statistic->spread ? Value(*statistic->spread) : Value()},
                  {"n", static_cast<std::int64_t>(statistic->seeds)}};
}

Value json_value(const std::optional<PairedDifference>& difference) {
  if (!difference) return {};
  return ValueMap{{"mean", difference->mean},
                  {"half_width", std::isnan(difference->half_width) ? Value() : Value(difference->half_width)},
                  {"n", static_cast<std::int64_t>(difference->seeds)},
                  {"over", difference->seeds > 1 ? "seeds" : "windows"},
                  {"by_seed", ValueList(difference->by_seed.begin(), difference->by_seed.end())}};
}

Value json_value(const SweepTable& table, const VariantRow& row) {
  Value metrics = ValueMap{};
  for (std::size_t metric = 0; metric < table.metrics.size(); ++metric) {
    const MetricCells& cells = row.metrics[metric];
    Value points = ValueMap{};
    for (std::size_t point = 0; point < table.points.size(); ++point) points.set(table.points[point], json_value(cells.points[point]));
    metrics.set(table.metrics[metric].name(), ValueMap{{"points", std::move(points)},
                                                       {"out_of_distribution", json_value(cells.out_of_distribution)},
                                                       {"difference", json_value(cells.difference)}});
  }
  return ValueMap{{"block", row.block}, {"variant", row.full_name()}, {"trained", !row.rival}, {"n", static_cast<std::int64_t>(row.seeds)},
                  {"metrics", std::move(metrics)}};
}

Value json_value(const SweepTable& table) {
  ValueList rows;
  for (const VariantRow& row : table.rows) rows.push_back(json_value(table, row));
  return ValueMap{{"experiment", table.experiment}, {"baseline", table.baseline}, {"confidence", 0.95},
                  {"seeds", ValueList(table.seeds.begin(), table.seeds.end())}, {"rows", std::move(rows)}};
}

}  // namespace

const std::vector<std::string>& table_formats() {
  static const std::vector<std::string> formats{"text", "markdown", "csv", "json"};
  return formats;
}

std::string format_table(const SweepTable& table, const std::string& format) {
  if (format == "text") return readable(table).text();
  if (format == "markdown") return readable(table).markdown();
  if (format == "csv") return numeric(table).csv();
  if (format == "json") return to_json(json_value(table), 2) + "\n";
  fail<ConfigError>("--format", "got {}, expected text, markdown, csv or json; {}", quoted(format), name_hint(format, table_formats()));
}

void sort_rows(SweepTable& table, const std::string& name) {
  const auto columns = columns_of(table);
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.header);
  const auto is_meant = [&name](const Column& column) {
    return column.header == name || (name == "difference" && column.header.find("difference from ") != std::string::npos);
  };
  const auto column = std::find_if(columns.begin(), columns.end(), is_meant);
  if (column == columns.end()) fail<ConfigError>("--sort", "no column {}; {}", quoted(name), name_hint(name, names));
  const auto before = [&](const VariantRow& left, const VariantRow& right) {
    const auto block = [&table](const VariantRow& row) { return std::find(table.blocks.begin(), table.blocks.end(), row.block); };
    if (block(left) != block(right)) return block(left) < block(right);
    if (column->number_names.empty()) return column->text(left) < column->text(right);
    const auto a = column->numbers(left).front(), b = column->numbers(right).front();
    if (!a || !b) return a.has_value() && !b.has_value();
    return column->highest_first ? *a > *b : *a < *b;
  };
  std::vector<VariantRow> rows = table.rows;
  std::stable_sort(rows.begin(), rows.end(), before);
  table.rows = std::move(rows);
}

}  // namespace symphony
