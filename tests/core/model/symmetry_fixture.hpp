// What the tests of symmetries share: small models of every kind, and an independent float64 decoder that judges whether logits changed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "core/base/random.hpp"
#include "core/model/symmetry.hpp"
#include "tests/support/model_difference.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/reference_forward.hpp"
#include "tests/support/tiny_model.hpp"

namespace symphony::testing::symmetry {

inline std::vector<std::int64_t> random_tokens(const ModelSpec& spec, std::int64_t count, std::uint64_t seed) {
  Random random(seed, "tokens");
  std::vector<std::int64_t> tokens;
  for (std::int64_t position = 0; position < count; ++position)
    tokens.push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spec.vocab_size))));
  return tokens;
}

/// Softmax over the two best of x . router^T.
inline ReferenceRouter top_two(const TensorMap& parameters) {
  return [&parameters](std::int64_t layer, std::int64_t, const std::vector<double>& x) {
    const torch::Tensor rows = parameters.at(fmt::format("model.layers.{}.mlp.router.weight", layer)).to(torch::kFloat64);
    const auto [best, experts] = rows.mv(torch::tensor(x, torch::kFloat64)).topk(2);
    const torch::Tensor weights = torch::softmax(best, 0);
    return std::vector<ReferenceChoice>{{experts[0].item<std::int64_t>(), weights[0].item<double>()},
                                        {experts[1].item<std::int64_t>(), weights[1].item<double>()}};
  };
}

/// max|dlogit| / max|logit|
inline double logit_change(const Model& original, const Model& changed, std::uint64_t seed) {
  const auto tokens = random_tokens(original.spec, 8, seed);
  const TensorMap before_tensors = load_all(*original.tensors), after_tensors = load_all(*changed.tensors);
  const auto before = reference_forward(original.spec, before_tensors, tokens, top_two(before_tensors));
  const auto after = reference_forward(changed.spec, after_tensors, tokens, top_two(after_tensors));
  double change = 0, largest = 0;
  for (std::size_t token = 0; token < before.size(); ++token)
    for (std::size_t entry = 0; entry < before[token].size(); ++entry) {
      change = std::max(change, std::abs(after[token][entry] - before[token][entry]));
      largest = std::max(largest, std::abs(before[token][entry]));
    }
  return change / largest;
}

struct Variant {
  const char* name;
  TinyOptions options;
  ModelSpec spec() const { return tiny_spec(options); }
};

inline std::vector<std::string> every_scope() {
  std::vector<std::string> scopes = scope_names();
  scopes.emplace_back();  // the scale of the residual stream, which no config can ask for
  return scopes;
}

/// D 12, F 20, 4 query heads in 2 groups.
inline TinyOptions small() { return {.layers = 2, .hidden = 12, .heads = 4, .kv_heads = 2, .head_dim = 6, .ffn = 20, .vocab = 23}; }

inline std::vector<Variant> variants() {
  std::vector<Variant> all{{"llama", small()}, {"qwen2 with biases", small()}, {"tied", small()}, {"no grouped queries", small()}, {"MoE", small()}};
  all[1].options.qkv_bias = true;
  all[2].options.tied_head = true;
  all[3].options.kv_heads = 4;
  all[4].options.num_experts = 3;
  return all;
}

inline Model with_tensor(const Model& model, const std::string& name, const torch::Tensor& tensor) {
  TensorMap tensors = load_all(*model.tensors);
  REQUIRE(tensors.contains(name));
  tensors[name] = tensor;
  return {model.spec, std::make_shared<MemorySource>(tensors, "changed"), "changed"};
}

inline Transform reversed(std::int64_t size) {
  std::vector<std::int64_t> perm;
  for (std::int64_t unit = size; unit-- > 0;) perm.push_back(unit);
  return Transform::monomial(perm);
}

inline Transform alternating_signs(std::int64_t size) {
  std::vector<std::int64_t> perm;
  std::vector<std::int8_t> sign;
  for (std::int64_t unit = 0; unit < size; ++unit) perm.push_back(unit), sign.push_back(unit % 2 ? -1 : 1);
  return Transform::monomial(perm, sign);
}

}  // namespace symphony::testing::symmetry
