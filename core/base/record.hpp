// The abstract recorder: how a stage or a plugin writes numbers without knowing the file format. The log room implements it on HDF5.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace symphony {

/// One axis of a recorded array. Axes of the same name in one table must carry the same coordinates; they become labelled
/// dimension scales. Give `labels` (names) or `values` (numbers); with neither, the axis counts 0, 1, 2, ...
struct RecordAxis {
  std::string name;                 ///< "layer", "expert", "domain", "step", ...
  std::size_t size = 0;
  std::vector<std::string> labels;  ///< empty, or `size` names
  std::vector<double> values;       ///< empty, or `size` coordinates
};

/// Where a number belongs: its name, unit and meaning, once.
struct RecordInfo {
  std::string name;  ///< lower_snake, may contain '/' for groups: "routing/load"
  std::string unit;  ///< "bits", "tokens", "seconds", "1"
  std::string doc;   ///< one line
};

class Recorder {
 public:
  virtual ~Recorder();
  /// A dense array in row-major order; the product of the axes' sizes is `values.size()`. Throws Error on a second array of that name.
  virtual void array(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const float> values) = 0;
  /// A float64 scalar.
  virtual void scalar(const RecordInfo& info, double value) = 0;
  /// A text attribute of the table that `name` leads to.
  virtual void note(std::string_view name, std::string_view text) = 0;
};

}  // namespace symphony
