// Training curves: float32 columns on one growing axis, `step`. Rows are buffered; HDF5 is called only when the buffer is
// flushed: every `flush_rows` rows, every `flush_seconds` seconds, or on request. A plain reader may open the file meanwhile.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/record.hpp"
#include "core/log/record_file.hpp"

namespace symphony {

struct SeriesOptions {
  std::size_t flush_rows = 256;
  double flush_seconds = 10.0;
};

/// Columns `columns` under `group` of `file`, which must outlive the series. One thread.
class Series {
 public:
  Series(RecordFile& file, std::string group, std::vector<RecordInfo> columns, SeriesOptions options = {});
  /// Goes on with an existing series and drops its rows after `last_step`; its columns must be these. Starts a new one where there is none.
  static Series resume(RecordFile& file, std::string group, std::vector<RecordInfo> columns, std::int64_t last_step, SeriesOptions options = {});

  Series(Series&&) noexcept;
  Series& operator=(Series&&) noexcept;
  ~Series();  ///< writes what is buffered; a failure there is lost, so call flush() at the end

  /// Adds one row; `values` in the order of the columns. Steps must increase. Throws DataError.
  void append(std::int64_t step, std::span<const float> values);
  void append(std::int64_t step, std::initializer_list<float> values) { append(step, std::span<const float>(values.begin(), values.size())); }
  /// Writes the buffer and commits the file.
  void flush();
  std::size_t size() const;  ///< rows, buffered ones included

 private:
  struct State;
  Series(RecordFile& file, std::string group, std::vector<RecordInfo> columns, SeriesOptions options, std::optional<std::int64_t> last_step);
  std::unique_ptr<State> state_;
};

}  // namespace symphony
