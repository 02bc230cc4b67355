// A sweep's table as text: for reading (text, Markdown), for spreadsheets (CSV: plain numbers, an empty cell for what is unknown) and for
// programs (JSON: everything, null for what is unknown).
#pragma once

#include <string>

#include "core/app/sweep_table.hpp"

namespace symphony {

/// text, markdown, csv, json
const std::vector<std::string>& table_formats();
/// Throws ConfigError for a format that is none of these.
std::string format_table(const SweepTable& table, const std::string& format);

/// Orders the rows of every block by a column, named as in the header; the best first where the metric has a direction, otherwise the lowest;
/// rows without a value last. "difference" is short for the column that begins with it. Throws ConfigError naming the nearest column.
void sort_rows(SweepTable& table, const std::string& column);

}  // namespace symphony
