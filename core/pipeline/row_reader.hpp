// One tensor of several models, for a pass or two over its rows. What views make is kept while it fits, because making it again costs time, and made by rows
// after that: the memory is that of the largest tensor, however many models there are.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/model_spec.hpp"
#include "core/tensor/tensor_rows.hpp"

namespace symphony {

class RowReader {
 public:
  /// Room for the largest tensor of the architecture in float32.
  explicit RowReader(const ModelSpec& spec);
  TensorRows read(const Model& model, const std::string& tensor);

 private:
  std::uint64_t room_bytes_;
};

}  // namespace symphony
