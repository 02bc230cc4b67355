// Inner products of weights in comparable gauges.
#include "core/model/weight_similarity.hpp"

#include <string>

#include "core/model/folded_weights.hpp"

namespace symphony {

namespace {

double norms(const torch::Tensor& a, const torch::Tensor& b) {
  const double product = a.norm().item<double>() * b.norm().item<double>();
  return product > 0 ? product : 1;
}

/// Rows of A against rows of B.
torch::Tensor rows(const torch::Tensor& a, const torch::Tensor& b) { return a.mm(b.t()) / norms(a, b); }
double agreement(const torch::Tensor& a, const torch::Tensor& b) { return (a * b).sum().item<double>() / norms(a, b); }

/// Heads with their rows flattened: [heads, head_dim * columns].
torch::Tensor by_head(const torch::Tensor& weight, std::int64_t head_dim) { return weight.reshape({weight.size(0) / head_dim, -1}); }
torch::Tensor output_by_head(const Model& model, std::int64_t layer) {
  return by_head(attention_writer(model, layer).t().contiguous(), model.spec.head_dim);
}

/// [pairs, heads of A, heads of B]: sum_x conj(a) b.
torch::Tensor pair_products(const torch::Tensor& a_PHX, const torch::Tensor& b_PHX) { return torch::bmm(a_PHX.conj().resolve_conj(), b_PHX.transpose(1, 2)); }

torch::Tensor per_query_head(const torch::Tensor& by_group, std::int64_t heads_per_kv) {
  return by_group.repeat_interleave(heads_per_kv, -1).repeat_interleave(heads_per_kv, -2);
}

torch::Tensor qk_products(const Model& a, const Model& b, std::int64_t layer) {
  const std::int64_t width = a.spec.head_dim;
  const auto pairs = [&](const Model& model, const char* name) { return rope_pairs(gained_attention_reader(model, layer, name), width); };
  const torch::Tensor queries = pair_products(pairs(a, "q_proj"), pairs(b, "q_proj"));
  const torch::Tensor keys = per_query_head(pair_products(pairs(a, "k_proj"), pairs(b, "k_proj")), a.spec.heads_per_kv());
  return torch::real(queries.conj().resolve_conj() * keys).sum(0);
}

torch::Tensor ov_products(const Model& a, const Model& b, std::int64_t layer) {
  const ModelSpec& spec = a.spec;
  const std::int64_t width = spec.head_dim, groups = spec.num_kv_heads, shared = spec.heads_per_kv();
  const auto outputs = [&](const Model& model) { return attention_writer(model, layer); };
  const torch::Tensor output = outputs(a).t().mm(outputs(b)).reshape({groups, shared, width, groups, shared, width});
  const torch::Tensor value = folded_attention_reader(a, layer, "v_proj").mm(folded_attention_reader(b, layer, "v_proj").t());
  return (output * value.reshape({groups, 1, width, groups, 1, width})).sum({2, 5}).reshape({spec.num_heads, spec.num_heads});
}

torch::Tensor normalised(const torch::Tensor& cross, const torch::Tensor& own_a, const torch::Tensor& own_b) {
  const torch::Tensor scale = own_a.diagonal().unsqueeze(1) * own_b.diagonal().unsqueeze(0);
  return cross / scale.clamp_min(1e-300).sqrt();
}

}  // namespace

torch::Tensor head_circuit_similarity(const Model& anchor, const Model& source, std::int64_t layer) {
  return normalised(qk_products(anchor, source, layer), qk_products(anchor, anchor, layer), qk_products(source, source, layer)) +
         normalised(ov_products(anchor, source, layer), ov_products(anchor, anchor, layer), ov_products(source, source, layer));
}

HeadWeightSimilarity head_weight_similarity(const Model& anchor, const Model& source, std::int64_t layer) {
  const std::int64_t width = anchor.spec.head_dim;
  const auto reader = [&](const char* name) {
    return rows(by_head(folded_attention_reader(anchor, layer, name), width), by_head(folded_attention_reader(source, layer, name), width));
  };
  return {reader("q_proj") + rows(output_by_head(anchor, layer), output_by_head(source, layer)),
          reader("k_proj") + reader("v_proj")};
}

FfnWeightSimilarity ffn_weight_similarity(const Model& anchor, const Model& source, std::int64_t layer) {
  const FoldedFfn a = balanced_ffn(anchor, layer), b = balanced_ffn(source, layer);
  return {rows(a.gate_FD, b.gate_FD), rows(a.up_FD, b.up_FD) + rows(a.down_FD, b.down_FD)};
}

torch::Tensor residual_weight_similarity(const Model& anchor, const Model& source, bool embeddings_only) {
  const auto columns = [](const torch::Tensor& a, const torch::Tensor& b) { return rows(a.t(), b.t()); };
  const std::int64_t width = anchor.spec.hidden_size;
  torch::Tensor sum = columns(read_float64(anchor, "model.embed_tokens.weight"), read_float64(source, "model.embed_tokens.weight"));
  const auto head = [](const Model& model) { return read_float64(model, "lm_head.weight") * read_float64(model, "model.norm.weight"); };
  if (!anchor.spec.tied_head) sum += columns(head(anchor), head(source));
  if (embeddings_only) return sum;
  for (std::int64_t layer = 0; layer < anchor.spec.num_layers; ++layer) {
    for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
      const torch::Tensor a = folded_attention_reader(anchor, layer, name), b = folded_attention_reader(source, layer, name);
      sum += a.narrow(1, 0, width).t().mm(b.narrow(1, 0, width)) / norms(a, b);
    }
    sum += rows(attention_writer(anchor, layer), attention_writer(source, layer));
    const FoldedFfn a = balanced_ffn(anchor, layer), b = balanced_ffn(source, layer);
    sum += columns(a.gate_FD, b.gate_FD) + columns(a.up_FD, b.up_FD) + columns(a.down_FD, b.down_FD);
  }
  return sum;
}

double embedding_agreement(const Model& anchor, const Model& source) { return residual_weight_similarity(anchor, source, true).trace().item<double>(); }

double ffn_agreement(const Model& anchor, const Model& source, std::int64_t layer) {
  const FoldedFfn a = balanced_ffn(anchor, layer), b = balanced_ffn(source, layer);
  return agreement(a.gate_FD, b.gate_FD) + agreement(a.up_FD, b.up_FD) + agreement(a.down_FD, b.down_FD);
}

double attention_agreement(const Model& anchor, const Model& source, std::int64_t layer) {
  const HeadWeightSimilarity weights = head_weight_similarity(anchor, source, layer);
  const torch::Tensor circuits = head_circuit_similarity(anchor, source, layer);
  return (weights.heads.trace() + weights.groups.trace() + circuits.diagonal().mean()).item<double>();
}

}  // namespace symphony
