// What one stage records: the abstract Recorder on a small HDF5 file, record.h5, in the stage's folder. Runs that share the stage
// copy it into their run.h5 (RunFile::absorb). Equal calls give equal datasets: no object carries a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/record.hpp"

namespace symphony {

/// One writer, one thread. Axes of one name within a group share a dimension scale; labels are stored as text, numbers as float64.
class RecordFile final : public Recorder {
 public:
  /// Creates or replaces the file. Throws DataError when it cannot.
  static RecordFile create(const std::filesystem::path& path);
  /// Opens an existing file to go on writing (a stage that resumes from a checkpoint).
  static RecordFile append(const std::filesystem::path& path);

  RecordFile(RecordFile&&) noexcept;
  RecordFile& operator=(RecordFile&&) noexcept;
  ~RecordFile() override;

  /// Throws DataError for a name that is taken, sizes that do not fit, an axis named twice, or an axis whose coordinates differ
  /// from those its group already holds under that name.
  void array(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const float> values) override;
  /// The same for float64 and integer arrays.
  void array_f64(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const double> values);
  void array_i64(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const std::int64_t> values);
  void scalar(const RecordInfo& info, double value) override;
  void note(std::string_view name, std::string_view text) override;

  /// A recorder on this file whose names all lie under `group`; must not outlive the file.
  std::unique_ptr<Recorder> scoped(std::string group);

  /// Commit point: everything recorded so far is in the file, whatever happens to the process next.
  void flush();

  const std::filesystem::path& path() const;
  std::int64_t id() const;  ///< HDF5's identifier of the open file, for the log room

 private:
  struct State;
  explicit RecordFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace symphony
