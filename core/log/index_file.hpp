// index.h5 joins a sweep: a table of its runs, and one relative external link a run. Written by the coordinator when a run ends
// and by `runner table`, never by workers; replaced by atomic rename, so a reader sees the old one or the new one.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/log/run_reader.hpp"

namespace symphony {

struct IndexEntry {
  RunSummary summary;
  std::filesystem::path run_file;  ///< of the run; stored relative to the index's folder
};

void write_index(const std::filesystem::path& path, std::span<const IndexEntry> runs);
/// The entries as stored, `run_file` resolved against the index's folder.
std::vector<IndexEntry> read_index(const std::filesystem::path& path);
/// Every <folder>/<run>/run.h5, in order of run id. Throws DataError for one that cannot be read.
std::vector<IndexEntry> find_runs(const std::filesystem::path& folder);

}  // namespace symphony
