// First come, first kept.
#include "core/pipeline/row_reader.hpp"

#include <algorithm>

namespace symphony {

RowReader::RowReader(const ModelSpec& spec)
    : room_bytes_(sizeof(float) * static_cast<std::uint64_t>(spec.hidden_size) * static_cast<std::uint64_t>(std::max(spec.vocab_size, spec.ffn_size))) {}

TensorRows RowReader::read(const Model& model, const std::string& tensor) {
  TensorRows rows = model.tensors->by_rows(tensor);
  if (rows.in_memory() || rows.num_bytes() > room_bytes_) return rows;
  room_bytes_ -= rows.num_bytes();
  return rows.whole();
}

}  // namespace symphony
