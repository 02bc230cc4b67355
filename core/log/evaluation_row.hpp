// One number of a result table, as files hold it.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/log/record_file.hpp"

namespace symphony {

struct EvaluationRow {
  std::string subject;           ///< "model", or a rival: "ensemble", "oracle_source"
  std::string moment;            ///< when: "step_0", "router", "final"
  std::string suite;             ///< "bits_per_byte"
  std::int64_t version = 0;      ///< of the suite
  std::string task;              ///< "code", "in_domain", "layer 2"
  std::string metric;            ///< "bits_per_byte"
  double value = 0.0;
  double std_error = std::nan("");  ///< NaN when it has none
  std::int64_t n = 0;            ///< units that the standard error rests on
  std::string unit;
  std::string better;            ///< "lower", "higher", "neither"
  std::string filter = "none";   ///< how an answer was taken out of generated text
  std::int64_t shots = 0;        ///< worked examples before each question
};

/// Adds rows to the stage's table. RunFile::absorb leaves that table out: the run adds the rows itself, with its own moment.
void record_evaluation_rows(RecordFile& file, std::span<const EvaluationRow> rows);
/// The rows of a record.h5 or of a run.h5, in the order written; none when the file holds no such table.
std::vector<EvaluationRow> read_evaluation_rows(const std::filesystem::path& path);

}  // namespace symphony
