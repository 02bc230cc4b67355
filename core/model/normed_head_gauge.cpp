// Signs, quarter turns and scales. P pairs, G KV groups, d entries of a head.
#include "core/model/normed_head_gauge.hpp"

#include "core/model/folded_weights.hpp"

namespace symphony {

namespace {

constexpr double kLargestScale = 1e3;
constexpr double kTiny = 1e-300;

/// +1 for a gain of zero.
torch::Tensor signs_of(const torch::Tensor& gain_d) { return torch::where(gain_d < 0, -torch::ones_like(gain_d), torch::ones_like(gain_d)); }

/// The rows behind one norm with the signs of its gain in them: [P, G, X] complex.
struct Rows {
  torch::Tensor gain_d, signs_d, pairs_PGX;
};

Rows rows_of(const Model& model, std::int64_t layer, const char* projection) {
  const std::int64_t width = model.spec.head_dim;
  Rows rows;
  rows.gain_d = head_gain(model, layer, projection);
  rows.signs_d = signs_of(rows.gain_d);
  const torch::Tensor weight = folded_attention_reader(model, layer, projection);
  const torch::Tensor pairs_PHX = rope_pairs(weight * rows.signs_d.repeat({weight.size(0) / width}).unsqueeze(1), width);
  rows.pairs_PGX = pairs_PHX.reshape({width / 2, model.spec.num_kv_heads, -1});
  return rows;
}

/// [P, G]
torch::Tensor product(const Rows& a, const Rows& b) { return (a.pairs_PGX.conj().resolve_conj() * b.pairs_PGX).sum(2); }

/// By pair, the length of its two gains.
torch::Tensor gain_lengths(const Rows& rows) { return rows.gain_d.reshape({2, -1}).square().sum(0).sqrt(); }

torch::Tensor pair_scales(const Rows& query_a, const Rows& key_a, const Rows& query_b, const Rows& key_b) {
  const torch::Tensor ratio_P = gain_lengths(query_a) * gain_lengths(key_b) / (gain_lengths(key_a) * gain_lengths(query_b)).clamp_min(kTiny);
  const torch::Tensor usable = (ratio_P > 1 / (kLargestScale * kLargestScale)).logical_and(ratio_P < kLargestScale * kLargestScale);
  return torch::where(usable, ratio_P, torch::ones_like(ratio_P)).sqrt();
}

/// Mean over KV groups of the cosine of the stacked rows whose inner products are `sums_PG`.
double mean_cosine(const torch::Tensor& sums_PG, const Rows& query_a, const Rows& key_a, const Rows& query_b, const Rows& key_b) {
  const auto squares_G = [](const Rows& rows) { return torch::real(product(rows, rows)).sum(0); };
  const torch::Tensor own_G = squares_G(query_a) + squares_G(key_a), other_G = squares_G(query_b) + squares_G(key_b);
  return (sums_PG.sum(0) / (own_G * other_G).sqrt().clamp_min(kTiny)).mean().item<double>();
}

}  // namespace

void match_normed_query_key(const Model& anchor, const Model& source, std::int64_t layer, HeadGauge& result) {
  const Rows query_a = rows_of(anchor, layer, "q_proj"), key_a = rows_of(anchor, layer, "k_proj");
  const Rows query_b = rows_of(source, layer, "q_proj"), key_b = rows_of(source, layer, "k_proj");
  const torch::Tensor sums_PG = product(query_a, query_b) + product(key_a, key_b);
  const torch::Tensor straight_PG = torch::real(sums_PG), turned_PG = -torch::imag(sums_PG);  // Re(s) and Re(i s)
  const torch::Tensor turns_P = turned_PG.abs().sum(1) > straight_PG.abs().sum(1);
  const torch::Tensor chosen_PG = torch::where(turns_P.unsqueeze(1), turned_PG, straight_PG);
  const torch::Tensor signs_PG = signs_of(chosen_PG);

  const torch::Tensor zeros_P = torch::zeros({turns_P.size(0)}, torch::kFloat64), ones_P = torch::ones_like(zeros_P);
  const Transform turn = Transform::pairs(torch::complex(torch::where(turns_P, zeros_P, ones_P), torch::where(turns_P, ones_P, zeros_P)).unsqueeze(0));
  const auto signs = [&](const Rows& own, const Rows& other) {
    return Transform::diagonal(own.signs_d * turn.apply(other.signs_d, 0, 1, Action::relabel));
  };
  result.elements.insert_or_assign("qk", Transform::pairs(torch::complex(signs_PG, torch::zeros_like(signs_PG)).t().contiguous()));
  result.elements.insert_or_assign("qk_turn", turn);
  result.elements.insert_or_assign("q_signs", signs(query_a, query_b));
  result.elements.insert_or_assign("k_signs", signs(key_a, key_b));
  result.elements.insert_or_assign("qk_scale", Transform::diagonal(pair_scales(query_a, key_a, query_b, key_b)));
  const torch::Tensor factors_PG = torch::complex(signs_PG, torch::zeros_like(signs_PG)) * turn.entries().t();
  result.qk_before = mean_cosine(straight_PG, query_a, key_a, query_b, key_b);
  result.qk_after = mean_cosine(chosen_PG.abs(), query_a, key_a, query_b, key_b);
  result.qk_angle = torch::angle(factors_PG).abs().mean().item<double>();
}

}  // namespace symphony
