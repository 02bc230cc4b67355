// Closed-form gauges, one KV group at a time, in float64.
#include "core/model/head_gauge.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "core/model/ffn_units.hpp"
#include "core/model/folded_weights.hpp"
#include "core/model/normed_head_gauge.hpp"

namespace symphony {

namespace {

constexpr double kLargestCondition = 1e2;
constexpr double kLargestScale = 1e3;
constexpr double kSmallestEigenvalue = 1e-10;  // of the largest
constexpr double kTiny = 1e-300;

/// V rows [d, X] of a group and, transposed, the O columns of its heads one below the other: [d, r D].
struct ValueOutput {
  torch::Tensor value, output;
};

ValueOutput value_output(const torch::Tensor& value, const torch::Tensor& output, const ModelSpec& spec, std::int64_t group) {
  const std::int64_t width = spec.head_dim, shared = spec.heads_per_kv();
  const torch::Tensor of_group = output.narrow(1, group * shared * width, shared * width);
  return {value.narrow(0, group * width, width), of_group.reshape({-1, shared, width}).permute({2, 1, 0}).reshape({width, -1})};
}

/// f of a symmetric positive matrix: its eigenvalues raised to `power`.
torch::Tensor matrix_power(const torch::Tensor& matrix, double power) {
  const auto [values, vectors] = torch::linalg_eigh((matrix + matrix.t()) / 2);
  return vectors.mm(torch::diag(values.clamp_min(kTiny).pow(power))).mm(vectors.t());
}

/// Whether a Gram matrix has full rank in float64.
bool has_full_rank(const torch::Tensor& gram) {
  const torch::Tensor values = torch::linalg_eigvalsh(gram);
  return values.min().item<double>() > kSmallestEigenvalue * values.max().item<double>();
}

/// M with M A M = M^-1 B M^-1 for A = V V^T and B = O^T O: M^2 = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2. None for deficient weights.
std::optional<torch::Tensor> balancing(const ValueOutput& weights) {
  const torch::Tensor a = weights.value.mm(weights.value.t()), b = weights.output.mm(weights.output.t());
  if (!has_full_rank(a) || !has_full_rank(b)) return std::nullopt;
  const torch::Tensor root = matrix_power(a, 0.5), inverse_root = matrix_power(a, -0.5);
  return matrix_power(inverse_root.mm(matrix_power(root.mm(b).mm(root), 0.5)).mm(inverse_root), 0.5);
}

/// The rotation W with W x closest to y for paired columns: of Z = x y^T = U S V^T, W = V U^T.
torch::Tensor closest_rotation(const torch::Tensor& z) {
  const auto [u, s, vh] = torch::linalg_svd(z, false);
  return vh.t().mm(u.t());
}

ValueOutput changed(const ValueOutput& weights, const torch::Tensor& basis) {
  return {basis.mm(weights.value), torch::linalg_inv(basis).t().mm(weights.output)};
}

double condition(const torch::Tensor& basis) {
  const torch::Tensor values = torch::linalg_svdvals(basis);
  return (values.max() / values.min().clamp_min(kTiny)).item<double>();
}

torch::Tensor rotation_between(const ValueOutput& a, const ValueOutput& b) {
  return closest_rotation(b.value.mm(a.value.t()) + b.output.mm(a.output.t()));
}

torch::Tensor value_output_basis(const ValueOutput& a, const ValueOutput& b) {
  const auto own = balancing(a), other = balancing(b);
  if (!own || !other) return rotation_between(a, b);
  const torch::Tensor basis = torch::linalg_inv(*own).mm(rotation_between(changed(a, *own), changed(b, *other))).mm(*other);
  return condition(basis) <= kLargestCondition ? basis : rotation_between(a, b);
}

double cosine(double product, double norm_a, double norm_b) { return product / std::max(norm_a * norm_b, kTiny); }

double agreement(const ValueOutput& a, const ValueOutput& b) {
  const auto norm = [](const ValueOutput& w) { return std::sqrt((w.value.square().sum() + w.output.square().sum()).item<double>()); };
  return cosine(((a.value * b.value).sum() + (a.output * b.output).sum()).item<double>(), norm(a), norm(b));
}

/// Mean |eigen-angle| of the orthogonal part of a change of basis.
double mean_angle(const torch::Tensor& basis) {
  const torch::Tensor rotation = closest_rotation(basis.t());
  return torch::angle(torch::linalg_eigvals(rotation)).abs().mean().item<double>();
}

void match_value_output(const Model& anchor, const Model& source, std::int64_t layer, HeadGauge& result) {
  const ModelSpec& spec = anchor.spec;
  const auto groups = static_cast<double>(spec.num_kv_heads);
  const torch::Tensor value_a = folded_attention_reader(anchor, layer, "v_proj"), value_b = folded_attention_reader(source, layer, "v_proj");
  const torch::Tensor output_a = attention_writer(anchor, layer), output_b = attention_writer(source, layer);
  std::vector<torch::Tensor> bases;
  for (std::int64_t group = 0; group < spec.num_kv_heads; ++group) {
    const ValueOutput a = value_output(value_a, output_a, spec, group), b = value_output(value_b, output_b, spec, group);
    const torch::Tensor basis = value_output_basis(a, b);
    result.vo_before += agreement(a, b) / groups;
    result.vo_after += agreement(a, changed(b, basis)) / groups;
    result.vo_angle += mean_angle(basis) / groups;
    result.vo_condition = std::max(result.vo_condition, condition(basis));
    bases.push_back(basis);
  }
  result.elements.insert_or_assign("vo", Transform::blocks(torch::stack(bases)));
}

/// [P, groups, shared X] complex: everything that one factor of a group multiplies, or is divided from.
torch::Tensor by_group(const Model& model, std::int64_t layer, const char* projection) {
  const torch::Tensor pairs_PHX = rope_pairs(folded_attention_reader(model, layer, projection), model.spec.head_dim);
  return pairs_PHX.reshape({pairs_PHX.size(0), model.spec.num_kv_heads, -1});
}

/// [P, groups]: sum conj(a) b.
torch::Tensor product(const torch::Tensor& a, const torch::Tensor& b) { return (a.conj().resolve_conj() * b).sum(2); }
torch::Tensor lengths(const torch::Tensor& a) { return torch::real(product(a, a)).sqrt(); }

void match_query_key(const Model& anchor, const Model& source, std::int64_t layer, HeadGauge& result) {
  const torch::Tensor query_a = by_group(anchor, layer, "q_proj"), key_a = by_group(anchor, layer, "k_proj");
  const torch::Tensor query_b = by_group(source, layer, "q_proj"), key_b = by_group(source, layer, "k_proj");
  const torch::Tensor ratio = lengths(query_a) * lengths(key_b) / (lengths(key_a) * lengths(query_b)).clamp_min(kTiny);
  const torch::Tensor usable = (ratio > 1 / (kLargestScale * kLargestScale)).logical_and(ratio < kLargestScale * kLargestScale);
  const torch::Tensor scale = torch::where(usable, ratio, torch::ones_like(ratio)).sqrt();
  const torch::Tensor queries = product(query_a, query_b), keys = product(key_a, key_b);
  const torch::Tensor angle = -torch::angle(queries * scale + keys / scale);
  const auto cosines = [&](const torch::Tensor& sums, const torch::Tensor& factor) {
    const torch::Tensor own = (lengths(query_a).square() + lengths(key_a).square()).sum(0);
    const torch::Tensor other = ((lengths(query_b) * factor).square() + (lengths(key_b) / factor).square()).sum(0);
    return (torch::real(sums).sum(0) / (own * other).sqrt().clamp_min(kTiny)).mean().item<double>();
  };
  const torch::Tensor factors = torch::polar(scale, angle);
  result.qk_before = cosines(queries + keys, torch::ones_like(scale));
  result.qk_after = cosines(factors * queries + factors / scale.square() * keys, scale);
  result.qk_angle = angle.abs().mean().item<double>();
  result.elements.insert_or_assign("qk", Transform::pairs(factors.t().contiguous()));
}

}  // namespace

HeadGauge match_head_gauge(const Model& anchor, const Model& source, std::int64_t layer) {
  HeadGauge result;
  match_value_output(anchor, source, layer, result);
  if (anchor.spec.qk_norm) match_normed_query_key(anchor, source, layer, result);
  else match_query_key(anchor, source, layer, result);
  return result;
}

void set_head_gauge(std::int64_t layer, const HeadGauge& gauge, TransformSet& set) {
  for (const auto& [name, element] : gauge.elements) set.insert_or_assign(fmt::format("layer.{}.{}", layer, name), element);
}

torch::Tensor match_unit_scales(const Model& anchor, const Model& source, std::int64_t layer) {
  const torch::Tensor wanted_F = unit_balance(anchor, layer), given_F = unit_balance(source, layer);
  return (wanted_F / given_F).clamp(1 / kLargestScale, kLargestScale);
}

}  // namespace symphony
