// RoPE and causal attention, fused (after Dao et al. 2022, "FlashAttention", arXiv 2205.14135: the scores are never held, the backward
// computes them again from the saved log-sums). A head's keys, values and queries are packed into small buffers on the way in, where they are
// also turned; 16 rows of scores are made at a time, up to the diagonal. With P = softmax, upstream gradient g and delta_t = g_t . out_t:
//   dV = P^T g      dS = P * (g V^T - delta)      dQ = dS K / sqrt(H)      dK = dS^T Q / sqrt(H)
// and dQ, dK are turned back. Buffers per head: H x T floats a piece, whatever the batch.
#include "core/model/rotary_attention.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <torch/csrc/autograd/custom_function.h>

#include "core/model/causal_attention.hpp"
#include "core/model/small_gemm.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kRows = 16;  // rows of scores at a time: they and their keys stay in the first-level cache

constexpr std::int64_t padded(std::int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

/// What both kernels need to find their way through memory.
struct Layout {
  AttentionShape shape;
  std::int64_t row;          ///< floats of one token in qkv
  std::int64_t span, width;  ///< T and H, padded
  float scale;               ///< 1 / sqrt(H)
  const float *cos, *sin;
  const std::int64_t* table_rows;

  Layout(const AttentionShape& s, const RopeTable& rope)
      : shape(s), row((s.heads + 2 * s.kv_heads) * s.head_dim), span(padded(s.length)), width(padded(s.head_dim)),
        scale(1.0f / std::sqrt(static_cast<float>(s.head_dim))), cos(rope.cos_PH.data_ptr<float>()), sin(rope.sin_PH.data_ptr<float>()),
        table_rows(rope.rows_N.data_ptr<std::int64_t>()) {}

  std::int64_t key_column(std::int64_t group) const { return (shape.heads + group) * shape.head_dim; }
  std::int64_t value_column(std::int64_t group) const { return (shape.heads + shape.kv_heads + group) * shape.head_dim; }
};

/// Packed copies of one head: rows [T, width], and columns [H, span] where the product wants the transpose.
struct Buffers {
  std::vector<float> queries, keys, keys_t, values, values_t, upstream, dqueries, dkeys, dvalues, scores, dscores;
  Buffers(const Layout& layout, bool backward) {
    const auto rows = static_cast<std::size_t>(layout.span * layout.width), columns = static_cast<std::size_t>(layout.shape.head_dim * layout.span);
    const auto block = static_cast<std::size_t>(kRows * layout.span);
    for (auto* buffer : {&queries, &keys, &values}) buffer->assign(rows, 0.0f);
    keys_t.assign(columns, 0.0f);
    scores.assign(block, 0.0f);
    dqueries.assign(static_cast<std::size_t>(kRows * layout.width), 0.0f);  // the forward uses it for its output rows
    if (!backward) return;
    for (auto* buffer : {&upstream, &dkeys, &dvalues}) buffer->assign(rows, 0.0f);
    values_t.assign(columns, 0.0f);
    dscores.assign(block, 0.0f);
  }
};

/// packed[t] = scale * turned row of the head; `direction` -1 turns back.
SYMPHONY_INLINE void turn_row(const Layout& layout, std::int64_t token, const float* from, float* to, float scale, float direction) {
  const std::int64_t half = layout.shape.head_dim / 2;
  const float* cos = layout.cos + layout.table_rows[token] * half;
  const float* sin = layout.sin + layout.table_rows[token] * half;
  for (std::int64_t pair = 0; pair < half; ++pair) {
    const float left = from[pair] * scale, right = from[pair + half] * scale, s = sin[pair] * direction;
    to[pair] = left * cos[pair] - right * s;
    to[pair + half] = right * cos[pair] + left * s;
  }
}

SYMPHONY_INLINE void pack_turned(const Layout& layout, std::int64_t first_token, const float* head, float* packed, float scale) {
  for (std::int64_t t = 0; t < layout.shape.length; ++t) turn_row(layout, first_token + t, head + t * layout.row, packed + t * layout.width, scale, 1.0f);
}

SYMPHONY_INLINE void pack(const Layout& layout, const float* head, std::int64_t row, float* packed) {
  for (std::int64_t t = 0; t < layout.shape.length; ++t)
    for (std::int64_t entry = 0; entry < layout.shape.head_dim; ++entry) packed[t * layout.width + entry] = head[t * row + entry];
}

SYMPHONY_INLINE void transpose(const Layout& layout, const float* packed, float* columns) {
  for (std::int64_t entry = 0; entry < layout.shape.head_dim; ++entry)
    for (std::int64_t t = 0; t < layout.shape.length; ++t) columns[entry * layout.span + t] = packed[t * layout.width + entry];
}

/// Scores of the rows first..first+rows-1 against all keys up to the block's last, in `scores` [rows, span].
SYMPHONY_INLINE void block_scores(const Layout& layout, const Buffers& buffers, std::int64_t first, std::int64_t rows, float* scores) {
  small_gemm(buffers.queries.data() + first * layout.width, layout.width, 1, buffers.keys_t.data(), layout.span, scores, layout.span, rows,
             padded(first + rows), layout.shape.head_dim, false);
}

/// row[j] = exp(row[j] - shift) up to the diagonal, 0 after it.
SYMPHONY_INLINE void exponentiate(float* row, float shift, std::int64_t seen, std::int64_t columns) {
  for (std::int64_t key = 0; key < columns; ++key) row[key] = fast_exp(row[key] - shift);
  for (std::int64_t key = seen; key < columns; ++key) row[key] = 0.0f;
}

SYMPHONY_CLONES void forward_head(const Layout& layout, Buffers& buffers, float* out, float* log_sum) {
  const auto out_row = layout.shape.heads * layout.shape.head_dim;
  float *scores = buffers.scores.data(), *attended = buffers.dqueries.data();
  for (std::int64_t first = 0; first < layout.shape.length; first += kRows) {
    const auto rows = std::min(kRows, layout.shape.length - first);
    block_scores(layout, buffers, first, rows, scores);
    float inverse_sum[kRows];
    for (std::int64_t row = 0; row < rows; ++row) {
      float* own = scores + row * layout.span;
      const float top = largest(own, first + row + 1);
      exponentiate(own, top, first + row + 1, padded(first + rows));
      const float total = sum(own, padded(first + rows));
      inverse_sum[row] = 1.0f / total;
      log_sum[first + row] = top + std::log(total);
    }
    small_gemm(scores, layout.span, 1, buffers.values.data(), layout.width, attended, layout.width, rows, layout.width, first + rows, false);
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t entry = 0; entry < layout.shape.head_dim; ++entry)
        out[(first + row) * out_row + entry] = attended[row * layout.width + entry] * inverse_sum[row];
  }
}

/// Adds to dkeys and dvalues; writes the gradient of the head's queries to `dqueries`, rows `layout.row` apart.
SYMPHONY_CLONES void backward_head(const Layout& layout, Buffers& buffers, std::int64_t first_token, const float* out, const float* log_sum,
                                   float* dqueries) {
  const auto out_row = layout.shape.heads * layout.shape.head_dim;
  float *scores = buffers.scores.data(), *dscores = buffers.dscores.data(), *dblock = buffers.dqueries.data();
  for (std::int64_t first = 0; first < layout.shape.length; first += kRows) {
    const auto rows = std::min(kRows, layout.shape.length - first), seen = first + rows, columns = padded(seen);
    const float* upstream = buffers.upstream.data() + first * layout.width;
    block_scores(layout, buffers, first, rows, scores);
    small_gemm(upstream, layout.width, 1, buffers.values_t.data(), layout.span, dscores, layout.span, rows, columns, layout.shape.head_dim, false);
    for (std::int64_t row = 0; row < rows; ++row) {
      float *p = scores + row * layout.span, *d = dscores + row * layout.span;
      const float delta = dot(upstream + row * layout.width, out + (first + row) * out_row, layout.shape.head_dim);
      exponentiate(p, log_sum[first + row], first + row + 1, columns);
      for (std::int64_t key = 0; key < columns; ++key) d[key] = p[key] * (d[key] - delta);
    }
    small_gemm(dscores, layout.span, 1, buffers.keys.data(), layout.width, dblock, layout.width, rows, layout.width, seen, false);
    small_gemm(dscores, 1, layout.span, buffers.queries.data() + first * layout.width, layout.width, buffers.dkeys.data(), layout.width, seen,
               layout.width, rows, true);
    small_gemm(scores, 1, layout.span, upstream, layout.width, buffers.dvalues.data(), layout.width, seen, layout.width, rows, true);
    for (std::int64_t row = 0; row < rows; ++row)
      turn_row(layout, first_token + first + row, dblock + row * layout.width, dqueries + (first + row) * layout.row, layout.scale, -1.0f);
  }
}

SYMPHONY_CLONES void pack_keys_values(const Layout& layout, Buffers& buffers, const float* qkv, std::int64_t first_token, std::int64_t group, bool backward) {
  pack_turned(layout, first_token, qkv + layout.key_column(group), buffers.keys.data(), 1.0f);
  transpose(layout, buffers.keys.data(), buffers.keys_t.data());
  pack(layout, qkv + layout.value_column(group), layout.row, buffers.values.data());
  if (backward) transpose(layout, buffers.values.data(), buffers.values_t.data());
}

SYMPHONY_CLONES void pack_queries(const Layout& layout, Buffers& buffers, const float* qkv, std::int64_t first_token, std::int64_t head) {
  pack_turned(layout, first_token, qkv + head * layout.shape.head_dim, buffers.queries.data(), layout.scale);
}

SYMPHONY_CLONES void unpack_key_value_gradients(const Layout& layout, const Buffers& buffers, std::int64_t first_token, std::int64_t group, float* dqkv) {
  for (std::int64_t t = 0; t < layout.shape.length; ++t) {
    turn_row(layout, first_token + t, buffers.dkeys.data() + t * layout.width, dqkv + t * layout.row + layout.key_column(group), 1.0f, -1.0f);
    for (std::int64_t entry = 0; entry < layout.shape.head_dim; ++entry)
      dqkv[t * layout.row + layout.value_column(group) + entry] = buffers.dvalues[static_cast<std::size_t>(t * layout.width + entry)];
  }
}

void forward_all(const Layout& layout, const float* qkv, float* out, float* log_sum) {
  Buffers buffers(layout, false);
  const auto& shape = layout.shape;
  const auto per_group = shape.heads / shape.kv_heads;
  for (std::int64_t sequence = 0; sequence < shape.batch; ++sequence) {
    const auto first_token = sequence * shape.length;
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      if (head % per_group == 0) pack_keys_values(layout, buffers, qkv + first_token * layout.row, first_token, head / per_group, false);
      pack_queries(layout, buffers, qkv + first_token * layout.row, first_token, head);
      forward_head(layout, buffers, out + (first_token * shape.heads + head) * shape.head_dim, log_sum + (sequence * shape.heads + head) * shape.length);
    }
  }
}

void backward_all(const Layout& layout, const float* qkv, const float* out, const float* log_sum, const float* upstream, float* dqkv) {
  Buffers buffers(layout, true);
  const auto& shape = layout.shape;
  const auto per_group = shape.heads / shape.kv_heads;
  for (std::int64_t sequence = 0; sequence < shape.batch; ++sequence) {
    const auto first_token = sequence * shape.length;
    const float* rows = qkv + first_token * layout.row;
    float* drows = dqkv + first_token * layout.row;
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const auto group = head / per_group, place = (first_token * shape.heads + head) * shape.head_dim;
      if (head % per_group == 0) {
        pack_keys_values(layout, buffers, rows, first_token, group, true);
        std::fill(buffers.dkeys.begin(), buffers.dkeys.end(), 0.0f);
        std::fill(buffers.dvalues.begin(), buffers.dvalues.end(), 0.0f);
      }
      pack_queries(layout, buffers, rows, first_token, head);
      pack(layout, upstream + place, shape.heads * shape.head_dim, buffers.upstream.data());
      backward_head(layout, buffers, first_token, out + place, log_sum + (sequence * shape.heads + head) * shape.length, drows + head * shape.head_dim);
      if (head % per_group == per_group - 1) unpack_key_value_gradients(layout, buffers, first_token, group, drows);
    }
  }
}

struct FusedRotaryAttention : torch::autograd::Function<FusedRotaryAttention> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& qkv_NW, const AttentionShape& shape, const RopeTable& rope) {
    auto out_NQ = torch::empty({qkv_NW.size(0), shape.heads * shape.head_dim}, qkv_NW.options());
    auto log_sum_BQT = torch::empty({shape.batch, shape.heads, shape.length}, qkv_NW.options());
    forward_all(Layout(shape, rope), qkv_NW.data_ptr<float>(), out_NQ.data_ptr<float>(), log_sum_BQT.data_ptr<float>());
    context->save_for_backward({qkv_NW, out_NQ, log_sum_BQT, rope.cos_PH, rope.sin_PH, rope.rows_N});
    context->saved_data["shape"] = std::vector<std::int64_t>{shape.batch, shape.length, shape.heads, shape.kv_heads, shape.head_dim};
    return out_NQ;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const auto sizes = context->saved_data["shape"].toIntVector();
    const AttentionShape shape{sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]};
    const auto g_NQ = upstream[0].contiguous();
    auto dqkv_NW = torch::empty_like(saved[0]);
    backward_all(Layout(shape, {saved[3], saved[4], saved[5]}), saved[0].data_ptr<float>(), saved[1].data_ptr<float>(), saved[2].data_ptr<float>(),
                 g_NQ.data_ptr<float>(), dqkv_NW.data_ptr<float>());
    return {dqkv_NW, torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor rotary_attention_plain(const torch::Tensor& qkv_NW, const AttentionShape& shape, const RopeTable& rope) {
  const auto tokens = shape.batch * shape.length, group_width = shape.kv_heads * shape.head_dim;
  const auto parts = qkv_NW.split_with_sizes({shape.heads * shape.head_dim, group_width, group_width}, 1);
  const auto in_sequences = [&](const torch::Tensor& heads, std::int64_t count) {
    return heads.reshape({shape.batch, shape.length, count, shape.head_dim});
  };
  const auto turned = [&](const torch::Tensor& heads, std::int64_t count) {
    return in_sequences(apply_rope(heads.reshape({tokens, count, shape.head_dim}), rope), count);
  };
  const auto out_BTQH = causal_attention(turned(parts[0], shape.heads), turned(parts[1], shape.kv_heads), in_sequences(parts[2], shape.kv_heads));
  return out_BTQH.reshape({tokens, shape.heads * shape.head_dim});
}

torch::Tensor rotary_attention(const torch::Tensor& qkv_NW, const AttentionShape& shape, const RopeTable& rope) {
  if (!is_fusable(qkv_NW) || !is_fusable(rope.cos_PH)) return rotary_attention_plain(qkv_NW, shape, rope);
  return FusedRotaryAttention::apply(qkv_NW, shape, rope);
}

}  // namespace symphony
