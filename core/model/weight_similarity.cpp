// Inner products of weights in comparable gauges.
#include "core/model/weight_similarity.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/model/ffn_pair.hpp"
#include "core/model/folded_weights.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kRowsAtOnce = 1024;

double norms(const torch::Tensor& a, const torch::Tensor& b) {
  const double product = a.norm().item<double>() * b.norm().item<double>();
  return product > 0 ? product : 1;
}

/// Rows of A against rows of B.
torch::Tensor rows(const torch::Tensor& a, const torch::Tensor& b) { return a.mm(b.t()) / norms(a, b); }

/// Columns of A against columns of B, for tensors of any length: some rows at a time in float64, each times `gain` where that is defined.
torch::Tensor tall_columns(const torch::Tensor& a_VD, const torch::Tensor& gain_a_D, const torch::Tensor& b_VD, const torch::Tensor& gain_b_D) {
  const auto wide = [](const torch::Tensor& rows_ND, const torch::Tensor& gain_D) {
    const torch::Tensor rows = rows_ND.to(torch::kCPU, torch::kFloat64);
    return gain_D.defined() ? rows * gain_D : rows;
  };
  torch::Tensor sum_DD = torch::zeros({a_VD.size(1), b_VD.size(1)}, torch::kFloat64);
  double square_a = 0, square_b = 0;
  for (std::int64_t first = 0; first < a_VD.size(0); first += kRowsAtOnce) {
    const std::int64_t count = std::min(kRowsAtOnce, a_VD.size(0) - first);
    const torch::Tensor a_ND = wide(a_VD.narrow(0, first, count), gain_a_D), b_ND = wide(b_VD.narrow(0, first, count), gain_b_D);
    sum_DD.addmm_(a_ND.t(), b_ND);
    square_a += a_ND.square().sum().item<double>();
    square_b += b_ND.square().sum().item<double>();
  }
  const double product = std::sqrt(square_a) * std::sqrt(square_b);
  return sum_DD / (product > 0 ? product : 1);
}

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
  const FfnPair ffns(anchor, source, layer);
  FfnWeightSimilarity result{torch::zeros({ffns.num_units(), ffns.num_units()}), torch::zeros({ffns.num_units(), ffns.num_units()})};
  for (const FfnPart part : kFfnParts) ffns.add_similarity(part, part == FfnPart::gate ? result.fixed : result.signed_);
  return result;
}

torch::Tensor residual_weight_similarity(const Model& anchor, const Model& source, bool embeddings_only) {
  const std::int64_t width = anchor.spec.hidden_size;
  const auto tall = [&](const char* name, const char* gain) {
    const auto gain_of = [&](const Model& model) { return gain ? read_float64(model, gain) : torch::Tensor(); };
    return tall_columns(anchor.tensors->get(name), gain_of(anchor), source.tensors->get(name), gain_of(source));
  };
  torch::Tensor sum = tall("model.embed_tokens.weight", nullptr);
  if (!anchor.spec.tied_head) sum += tall("lm_head.weight", "model.norm.weight");
  if (embeddings_only) return sum;
  for (std::int64_t layer = 0; layer < anchor.spec.num_layers; ++layer) {
    for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
      const torch::Tensor a = folded_attention_reader(anchor, layer, name), b = folded_attention_reader(source, layer, name);
      sum += a.narrow(1, 0, width).t().mm(b.narrow(1, 0, width)) / norms(a, b);
    }
    sum += rows(attention_writer(anchor, layer), attention_writer(source, layer));
    const FfnPair ffns(anchor, source, layer);
    for (const FfnPart part : kFfnParts) sum += ffns.residual_similarity(part);
  }
  return sum;
}

double embedding_agreement(const Model& anchor, const Model& source) { return residual_weight_similarity(anchor, source, true).trace().item<double>(); }

double ffn_agreement(const Model& anchor, const Model& source, std::int64_t layer) {
  const FfnPair ffns(anchor, source, layer);
  double sum = 0;
  for (const FfnPart part : kFfnParts) sum += ffns.pair_similarity(part, torch::arange(ffns.num_units())).sum().item<double>();
  return sum;
}

double attention_agreement(const Model& anchor, const Model& source, std::int64_t layer) {
  const HeadWeightSimilarity weights = head_weight_similarity(anchor, source, layer);
  const torch::Tensor circuits = head_circuit_similarity(anchor, source, layer);
  return (weights.heads.trace() + weights.groups.trace() + circuits.diagonal().mean()).item<double>();
}

}  // namespace symphony
