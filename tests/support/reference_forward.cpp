// The float64 reference: one sequence, one token at a time, loops only.
#include "tests/support/reference_forward.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace symphony::testing {

namespace {

using Vector = std::vector<double>;

/// A parameter as rows of doubles; a vector is a matrix of one row.
std::vector<Vector> rows_of(const TensorMap& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return {};
  const auto wide = found->second.detach().to(torch::kFloat64).contiguous();
  const auto columns = static_cast<std::size_t>(wide.size(-1));
  const auto* data = wide.data_ptr<double>();
  std::vector<Vector> result(static_cast<std::size_t>(wide.numel()) / columns);
  for (std::size_t row = 0; row < result.size(); ++row) result[row].assign(data + row * columns, data + (row + 1) * columns);
  return result;
}

Vector times(const std::vector<Vector>& matrix, const Vector& x, const std::vector<Vector>& bias = {}) {
  Vector result(matrix.size(), 0.0);
  for (std::size_t out = 0; out < matrix.size(); ++out) {
    for (std::size_t in = 0; in < x.size(); ++in) result[out] += matrix[out][in] * x[in];
    if (!bias.empty()) result[out] += bias[0][out];
  }
  return result;
}

Vector normed(const Vector& x, const Vector& gain, double eps) {
  double square = 0.0;
  for (const double entry : x) square += entry * entry;
  const double scale = 1.0 / std::sqrt(square / static_cast<double>(x.size()) + eps);
  Vector result(x.size());
  for (std::size_t entry = 0; entry < x.size(); ++entry) result[entry] = gain[entry] * x[entry] * scale;
  return result;
}

void turn(Vector& heads, std::int64_t head_dim, double theta, std::int64_t position) {
  const auto half = static_cast<std::size_t>(head_dim / 2);
  for (std::size_t head = 0; head < heads.size(); head += 2 * half)
    for (std::size_t pair = 0; pair < half; ++pair) {
      const double angle = static_cast<double>(position) * std::pow(theta, -2.0 * static_cast<double>(pair) / static_cast<double>(head_dim));
      const double left = heads[head + pair], right = heads[head + pair + half];
      heads[head + pair] = left * std::cos(angle) - right * std::sin(angle);
      heads[head + pair + half] = right * std::cos(angle) + left * std::sin(angle);
    }
}

Vector swiglu_ffn(const TensorMap& parameters, const std::string& prefix, const Vector& x) {
  const Vector gate = times(rows_of(parameters, prefix + "gate_proj.weight"), x);
  Vector hidden = times(rows_of(parameters, prefix + "up_proj.weight"), x);
  for (std::size_t unit = 0; unit < hidden.size(); ++unit) hidden[unit] *= gate[unit] / (1.0 + std::exp(-gate[unit]));
  return times(rows_of(parameters, prefix + "down_proj.weight"), hidden);
}

void add_to(Vector& target, const Vector& addition, double weight = 1.0) {
  for (std::size_t entry = 0; entry < target.size(); ++entry) target[entry] += weight * addition[entry];
}

/// Attention output of every token before W_o, given all tokens' queries, keys and values.
std::vector<Vector> attend(const ModelSpec& spec, const std::vector<Vector>& queries, const std::vector<Vector>& keys,
                           const std::vector<Vector>& values) {
  std::vector<Vector> result;
  for (std::size_t query = 0; query < queries.size(); ++query) {
    Vector out(queries[query].size(), 0.0);
    for (std::int64_t head = 0; head < spec.num_heads; ++head) {
      const auto own = static_cast<std::size_t>(head * spec.head_dim);
      const auto shared = static_cast<std::size_t>(head / spec.heads_per_kv() * spec.head_dim);
      Vector score(query + 1, 0.0);
      for (std::size_t key = 0; key <= query; ++key)
        for (std::size_t entry = 0; entry < static_cast<std::size_t>(spec.head_dim); ++entry)
          score[key] += queries[query][own + entry] * keys[key][shared + entry] / std::sqrt(static_cast<double>(spec.head_dim));
      const double top = *std::max_element(score.begin(), score.end());
      double total = 0.0;
      for (double& entry : score) total += entry = std::exp(entry - top);
      for (std::size_t key = 0; key <= query; ++key)
        for (std::size_t entry = 0; entry < static_cast<std::size_t>(spec.head_dim); ++entry)
          out[own + entry] += score[key] / total * values[key][shared + entry];
    }
    result.push_back(std::move(out));
  }
  return result;
}

}  // namespace

std::vector<Vector> reference_forward(const ModelSpec& spec, const TensorMap& parameters, const std::vector<std::int64_t>& tokens,
                                      const ReferenceRouter& router) {
  const auto embedding = rows_of(parameters, "model.embed_tokens.weight");
  std::vector<Vector> residual;
  for (const auto token : tokens) residual.push_back(embedding[static_cast<std::size_t>(token)]);

  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const auto get = [&](const std::string& name) { return rows_of(parameters, prefix + name); };
    std::vector<Vector> queries, keys, values;
    for (std::size_t token = 0; token < tokens.size(); ++token) {
      const Vector x = normed(residual[token], get("input_layernorm.weight")[0], spec.norm_eps);
      queries.push_back(times(get("self_attn.q_proj.weight"), x, get("self_attn.q_proj.bias")));
      keys.push_back(times(get("self_attn.k_proj.weight"), x, get("self_attn.k_proj.bias")));
      values.push_back(times(get("self_attn.v_proj.weight"), x, get("self_attn.v_proj.bias")));
      turn(queries.back(), spec.head_dim, spec.rope_theta, static_cast<std::int64_t>(token));
      turn(keys.back(), spec.head_dim, spec.rope_theta, static_cast<std::int64_t>(token));
    }
    const auto attended = attend(spec, queries, keys, values);
    for (std::size_t token = 0; token < tokens.size(); ++token) {
      add_to(residual[token], times(get("self_attn.o_proj.weight"), attended[token]));
      const Vector x = normed(residual[token], get("post_attention_layernorm.weight")[0], spec.norm_eps);
      if (!spec.moe) {
        add_to(residual[token], swiglu_ffn(parameters, prefix + "mlp.", x));
        continue;
      }
      for (const auto& [expert, weight] : router(layer, static_cast<std::int64_t>(token), x))
        add_to(residual[token], swiglu_ffn(parameters, prefix + "mlp.experts." + std::to_string(expert) + ".", x),
               weight * spec.moe->output_scale);
    }
  }

  const auto gain = rows_of(parameters, "model.norm.weight");
  const auto head = spec.tied_head ? embedding : rows_of(parameters, "lm_head.weight");
  std::vector<Vector> logits;
  for (const Vector& hidden : residual) logits.push_back(times(head, normed(hidden, gain[0], spec.norm_eps)));
  return logits;
}

double reference_cross_entropy(const std::vector<Vector>& logits, const std::vector<std::int64_t>& targets) {
  double total = 0.0;
  for (std::size_t token = 0; token < targets.size(); ++token) {
    double sum = 0.0;
    const double top = *std::max_element(logits[token].begin(), logits[token].end());
    for (const double entry : logits[token]) sum += std::exp(entry - top);
    total += top + std::log(sum) - logits[token][static_cast<std::size_t>(targets[token])];
  }
  return total / static_cast<double>(targets.size());
}

}  // namespace symphony::testing
