// Weight similarities: blind to the gauges they claim to be blind to, and nothing else.
#include <cmath>
#include <functional>

#include <catch2/catch.hpp>

#include "core/base/random.hpp"
#include "core/model/symmetry.hpp"
#include "core/model/weight_similarity.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

ModelSpec spec() { return tiny_spec({.qkv_bias = true}); }
constexpr const char* kLayer = "model.layers.0.";

Model changed(const Model& model, const std::function<void(TensorMap&)>& change) {
  TensorMap tensors = load_all(*model.tensors);
  change(tensors);
  return {model.spec, std::make_shared<MemorySource>(tensors, "changed"), "changed"};
}

/// Rows of q, k and their biases by one complex number per RoPE pair of KV group `group`: q times c, k times 1 / conj(c).
Model turned(const Model& model, bool turn_keys) {
  return changed(model, [&](TensorMap& tensors) {
    const std::int64_t width = model.spec.head_dim, half = width / 2;
    const auto multiply = [&](const std::string& name, double scale, double angle) {
      torch::Tensor rows = tensors.at(name).clone();
      torch::Tensor heads = rows.reshape({rows.size(0) / width, 2, half, -1});
      const torch::Tensor real = heads.select(1, 0).clone(), imaginary = heads.select(1, 1).clone();
      heads.select(1, 0).copy_(scale * (std::cos(angle) * real - std::sin(angle) * imaginary));
      heads.select(1, 1).copy_(scale * (std::sin(angle) * real + std::cos(angle) * imaginary));
      tensors[name] = rows;
    };
    for (const char* part : {".weight", ".bias"}) {
      multiply(std::string(kLayer) + "self_attn.q_proj" + part, 1.7, 0.8);
      if (turn_keys) multiply(std::string(kLayer) + "self_attn.k_proj" + part, 1 / 1.7, 0.8);
    }
  });
}

double distance(const torch::Tensor& a, const torch::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

TEST_CASE("weight similarity: a head with itself gives two, and no pair more", "[core][model]") {
  const Model a = random_model(spec(), 1), b = random_model(spec(), 2);
  CHECK(distance(head_circuit_similarity(a, a, 0).diagonal(), torch::full({4}, 2.0, torch::kFloat64)) < 1e-12);
  CHECK(head_circuit_similarity(a, b, 0).abs().max().item<double>() < 2);
  CHECK(distance(head_circuit_similarity(a, b, 0), head_circuit_similarity(b, a, 0).t()) < 1e-12);
}

TEST_CASE("weight similarity: circuits do not see the Q/K gauge, but a change of Q alone", "[core][model]") {
  const Model a = random_model(spec(), 3), b = random_model(spec(), 4);
  CHECK(distance(head_circuit_similarity(a, b, 0), head_circuit_similarity(a, turned(b, true), 0)) < 1e-6);
  CHECK(distance(head_circuit_similarity(a, b, 0), head_circuit_similarity(a, turned(b, false), 0)) > 1e-3);
  CHECK(distance(head_weight_similarity(a, b, 0).heads, head_weight_similarity(a, turned(b, true), 0).heads) > 1e-3);
}

TEST_CASE("weight similarity: circuits do not see a change of basis between V and O", "[core][model]") {
  const Model a = random_model(spec(), 5), b = random_model(spec(), 6);
  Random random(7, "basis");
  torch::Tensor basis = torch::empty({8, 8}, torch::kFloat32);
  random.fill_normal({basis.data_ptr<float>(), 64}, 0, 1);
  basis = basis.to(torch::kFloat64) + 3 * torch::eye(8, torch::kFloat64);
  const Model moved = changed(b, [&](TensorMap& tensors) {
    for (auto& [name, tensor] : tensors) {
      if (name == std::string(kLayer) + "self_attn.v_proj.weight" || name == std::string(kLayer) + "self_attn.v_proj.bias")
        tensor = torch::matmul(basis, tensor.to(torch::kFloat64).reshape({2, 8, -1})).reshape(tensor.sizes());
      if (name == std::string(kLayer) + "self_attn.o_proj.weight")
        tensor = torch::matmul(tensor.to(torch::kFloat64).reshape({-1, 4, 8}), torch::linalg_inv(basis)).reshape(tensor.sizes());
    }
  });
  CHECK(distance(head_circuit_similarity(a, b, 0), head_circuit_similarity(a, moved, 0)) < 1e-9);
}

TEST_CASE("weight similarity: norm gains and FFN scales are no difference", "[core][model]") {
  const Model a = random_model(spec(), 8), b = random_model(spec(), 9);
  const Model rescaled = changed(b, [](TensorMap& tensors) {
    const std::string ffn = std::string(kLayer) + "mlp.", norm = std::string(kLayer) + "post_attention_layernorm.weight";
    tensors[norm] = tensors[norm] * 2;
    tensors[ffn + "gate_proj.weight"] = tensors[ffn + "gate_proj.weight"] / 2;
    tensors[ffn + "up_proj.weight"] = tensors[ffn + "up_proj.weight"] / 2 * 8;
    tensors[ffn + "down_proj.weight"] = tensors[ffn + "down_proj.weight"] / 8;
  });
  const FfnWeightSimilarity plain = ffn_weight_similarity(a, b, 0), other = ffn_weight_similarity(a, rescaled, 0);
  CHECK(distance(plain.fixed, other.fixed) < 1e-6);  // kept in float32
  CHECK(distance(plain.signed_, other.signed_) < 1e-6);
}

TEST_CASE("weight similarity: agreements are the traces of the similarities", "[core][model]") {
  for (const bool tied : {false, true}) {
    const ModelSpec tiny = tiny_spec({.qkv_bias = true, .tied_head = tied});
    const Model a = random_model(tiny, 10), b = random_model(tiny, 11);
    const FfnWeightSimilarity ffn = ffn_weight_similarity(a, b, 1);
    CHECK(ffn_agreement(a, b, 1) == Approx((ffn.fixed + ffn.signed_).trace().item<double>()));
    CHECK(ffn_agreement(a, a, 1) == Approx(3));
    CHECK(embedding_agreement(a, a) == Approx(tied ? 1 : 2));
    CHECK(attention_agreement(a, a, 0) == Approx(6));
    double readers = residual_weight_similarity(a, a, false).trace().item<double>();
    // Biases share the divisor of their projection but not its columns.
    CHECK(readers < (tied ? 1 : 2) + 2 * 7);
    CHECK(readers > (tied ? 1 : 2) + 2 * 7 - 1);
  }
}

TEST_CASE("weight similarity: transforming the source permutes the similarity", "[core][model]") {
  const Model a = random_model(spec(), 12), b = random_model(spec(), 13);
  const TransformSet set = random_transforms(symmetry_groups(b.spec), {"attention_heads", "ffn"}, true, 14);
  const Model moved = apply_transforms(b, set);
  const Transform& heads = set.at("layer.0.heads");
  CHECK(distance(head_circuit_similarity(a, moved, 0), heads.apply(head_circuit_similarity(a, b, 0), 1)) < 1e-12);
  const Transform& ffn = set.at("layer.0.ffn");
  CHECK(distance(ffn_weight_similarity(a, moved, 0).signed_, ffn.apply(ffn_weight_similarity(a, b, 0).signed_, 1)) < 1e-6);
  CHECK(distance(ffn_weight_similarity(a, moved, 0).fixed, ffn.apply(ffn_weight_similarity(a, b, 0).fixed, 1, 1, Action::relabel)) < 1e-6);
}

TEST_CASE("weight similarity: sums over blocks of rows are those over all rows", "[core][model]") {
  // More units and more vocabulary than are read at once.
  const ModelSpec wide = tiny_spec({.ffn = 2100, .vocab = 2500});
  const Model a = random_model(wide, 15), b = random_model(wide, 16);
  const auto float64 = [](const Model& model, const char* name) { return model.tensors->get(name).to(torch::kFloat64); };
  const auto product = [&](const torch::Tensor& x, const torch::Tensor& y) { return x.mm(y.t()) / (x.norm() * y.norm()); };
  const auto gate = [&](const Model& model) { return float64(model, "model.layers.0.mlp.gate_proj.weight") * float64(model, "model.layers.0.post_attention_layernorm.weight"); };
  CHECK(distance(ffn_weight_similarity(a, b, 0).fixed.to(torch::kFloat64), product(gate(a), gate(b))) < 1e-6);
  const auto embedding = [&](const Model& model) { return float64(model, "model.embed_tokens.weight").t(); };
  const auto head = [&](const Model& model) { return (float64(model, "lm_head.weight") * float64(model, "model.norm.weight")).t(); };
  CHECK(distance(residual_weight_similarity(a, b, true), product(embedding(a), embedding(b)) + product(head(a), head(b))) < 1e-12);
}
