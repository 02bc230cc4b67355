// See the header. Rows are kept column by column until the flush, so that each column is one contiguous write.
#include "core/log/series.hpp"

#include <chrono>
#include <cmath>

#include "core/base/error.hpp"
#include "core/log/axis_scale.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"

namespace symphony {

using Clock = std::chrono::steady_clock;

struct Series::State {
  hid_t file = H5I_INVALID_HID;
  std::string group_path;
  SeriesOptions options;
  H5Group group;
  H5Dataset steps;
  std::vector<H5Dataset> columns;
  hsize_t num_written = 0;
  std::vector<double> step_buffer;
  std::vector<std::vector<float>> column_buffers;
  double last_step = -HUGE_VAL;
  Clock::time_point last_flush = Clock::now();

  void create(std::span<const RecordInfo> infos) {
    group = h5::require_group(file, group_path);
    steps = create_growing_scale(group.id(), layout::kStep);
    for (const RecordInfo& info : infos) {
      columns.push_back(create_growing_column(group.id(), info.name, H5T_IEEE_F32LE, steps.id()));
      describe_dataset(columns.back().id(), info);
    }
  }

  void open(std::span<const RecordInfo> infos) {
    group = h5::open_group(file, group_path);
    if (h5::link_names(group.id()).size() != infos.size() + 1)
      fail<DataError>(group_path, "holds {} datasets, expected 'step' and {} columns", h5::link_names(group.id()).size(), infos.size());
    steps = h5::open_dataset(group.id(), layout::kStep);
    for (const RecordInfo& info : infos) columns.push_back(h5::open_dataset(group.id(), info.name));
  }

  void truncate(std::int64_t last) {
    std::vector<double> values(h5::shape_of(steps.id()).at(0));
    if (!values.empty()) h5::read(steps.id(), H5T_NATIVE_DOUBLE, values.data());
    while (!values.empty() && values.back() > static_cast<double>(last)) values.pop_back();
    num_written = values.size();
    if (!values.empty()) last_step = values.back();
    set_extents(num_written);
  }

  void set_extents(hsize_t rows) {
    h5::set_extent(steps.id(), {&rows, 1});
    for (const H5Dataset& column : columns) h5::set_extent(column.id(), {&rows, 1});
  }

  void write_buffer() {
    last_flush = Clock::now();
    const hsize_t count = step_buffer.size();
    if (count == 0) return;
    set_extents(num_written + count);
    h5::write_block(steps.id(), {&num_written, 1}, {&count, 1}, H5T_NATIVE_DOUBLE, step_buffer.data());
    for (std::size_t column_idx = 0; column_idx < columns.size(); ++column_idx) {
      h5::write_block(columns[column_idx].id(), {&num_written, 1}, {&count, 1}, H5T_NATIVE_FLOAT, column_buffers[column_idx].data());
      column_buffers[column_idx].clear();
    }
    step_buffer.clear();
    num_written += count;
    h5::flush(file);
  }
};

Series::Series(RecordFile& file, std::string group, std::vector<RecordInfo> columns, SeriesOptions options)
    : Series(file, std::move(group), std::move(columns), options, std::nullopt) {}

Series::Series(RecordFile& file, std::string group, std::vector<RecordInfo> columns, SeriesOptions options, std::optional<std::int64_t> last_step)
    : state_(std::make_unique<State>()) {
  state_->file = file.id();
  state_->group_path = std::move(group);
  state_->options = options;
  state_->column_buffers.resize(columns.size());
  const bool resumed = last_step && h5::exists(state_->file, state_->group_path);
  if (resumed) {
    state_->open(columns);
    state_->truncate(*last_step);
  } else {
    state_->create(columns);
  }
  h5::flush(state_->file);
}

Series Series::resume(RecordFile& file, std::string group, std::vector<RecordInfo> columns, std::int64_t last_step, SeriesOptions options) {
  return Series(file, std::move(group), std::move(columns), options, last_step);
}

Series::Series(Series&&) noexcept = default;
Series& Series::operator=(Series&&) noexcept = default;

Series::~Series() {
  if (!state_) return;
  try {
    state_->write_buffer();
  } catch (const Error&) {  // a destructor has nobody to tell; flush() at the end of a stage does
  }
}

void Series::append(std::int64_t step, std::span<const float> values) {
  State& state = *state_;
  if (values.size() != state.columns.size())
    fail<DataError>(state.group_path, "step {}: got {} values, expected one for each of {} columns", step, values.size(), state.columns.size());
  if (static_cast<double>(step) <= state.last_step)
    fail<DataError>(state.group_path, "got step {} after step {}; steps must increase", step, state.last_step);
  state.last_step = static_cast<double>(step);
  state.step_buffer.push_back(state.last_step);
  for (std::size_t column_idx = 0; column_idx < values.size(); ++column_idx) state.column_buffers[column_idx].push_back(values[column_idx]);
  const std::chrono::duration<double> waited = Clock::now() - state.last_flush;
  if (state.step_buffer.size() >= state.options.flush_rows || waited.count() >= state.options.flush_seconds) state.write_buffer();
}

void Series::flush() { state_->write_buffer(); }
std::size_t Series::size() const { return state_->num_written + state_->step_buffer.size(); }

}  // namespace symphony
