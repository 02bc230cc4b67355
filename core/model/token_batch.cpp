// The tokens of one pass.
#include "core/model/token_batch.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

TokenBatch token_batch(const ModelSpec& spec, const torch::Tensor& tokens_BT, const torch::Tensor& positions_BT, torch::ScalarType dtype,
                       torch::Device device) {
  if (tokens_BT.dim() != 2 || tokens_BT.numel() == 0 || tokens_BT.scalar_type() != torch::kInt64)
    fail<DataError>("decoder", "tokens have shape {} and type {}, expected a non-empty int64 [batch, length]", shape_text(tokens_BT.sizes()),
                    c10::toString(tokens_BT.scalar_type()));
  if (positions_BT.sizes() != tokens_BT.sizes() || positions_BT.scalar_type() != torch::kInt64)
    fail<DataError>("decoder", "positions have shape {} and type {}, expected int64 {} as the tokens", shape_text(positions_BT.sizes()),
                    c10::toString(positions_BT.scalar_type()), shape_text(tokens_BT.sizes()));
  const auto smallest = tokens_BT.min().item<std::int64_t>(), largest = tokens_BT.max().item<std::int64_t>();
  if (smallest < 0 || largest >= spec.vocab_size)
    fail<DataError>("decoder", "got token {}, expected 0 to {} (the vocabulary)", smallest < 0 ? smallest : largest, spec.vocab_size - 1);

  TokenBatch result;
  result.batch = tokens_BT.size(0);
  result.length = tokens_BT.size(1);
  result.token_ids_N = tokens_BT.to(device).reshape(-1);
  result.positions_N = positions_BT.to(device).reshape(-1);
  result.sequence_ids_N = torch::arange(result.batch, result.token_ids_N.options()).repeat_interleave(result.length);
  result.rope = rope_table(result.positions_N, spec.head_dim, spec.rope_theta, dtype, spec.rope_scaling);
  return result;
}

}  // namespace symphony
