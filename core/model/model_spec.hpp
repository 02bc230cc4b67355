// What a decoder is, apart from its numbers: the kin of Llama (RMSNorm, RoPE in the half-split layout, grouped-query attention, SwiGLU), with
// a dense FFN or a Mixture-of-Experts in every layer. Which of them a file on disk is, family.hpp says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/schema.hpp"
#include "core/tensor/tensor_source.hpp"

namespace symphony {

/// The Mixture-of-Experts part of a spec. All routed experts are SwiGLU FFNs of one width.
struct MoeSpec {
  std::int64_t num_experts = 0;
  std::int64_t expert_width = 0;  ///< intermediate size of one expert
  Method router;                  ///< plugin id without the category, with its full parameters
  double output_scale = 1.0;      ///< c in y = c * sum_e w_e E_e(x) + sigmoid(x . g) S(x)
  std::int64_t shared_width = 0;  ///< intermediate size of the shared expert S; 0: none
  friend bool operator==(const MoeSpec&, const MoeSpec&) = default;
};

/// How rotary frequencies are changed for texts longer than those of pre-training; formulas in rope.cpp.
struct RopeScaling {
  std::string kind;                      ///< "linear" or "llama3"
  double factor = 1.0;                   ///< how many times longer
  double low_frequency_factor = 1.0;     ///< llama3: frequencies that turn less often than this in original_positions are divided by `factor`
  double high_frequency_factor = 4.0;    ///< llama3: those that turn more often than this are kept
  std::int64_t original_positions = 0;   ///< llama3
  friend bool operator==(const RopeScaling&, const RopeScaling&) = default;
};

struct ModelSpec {
  std::string family = "llama";  ///< "llama", "qwen2", ...: whose configuration a dense model has on disk; says nothing that the other fields do not
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;        ///< D, width of the residual stream
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t ffn_size = 0;           ///< intermediate size of the dense FFN
  std::int64_t max_positions = 0;
  double rope_theta = 10000.0;
  std::optional<RopeScaling> rope_scaling;
  double norm_eps = 1e-6;
  bool tied_head = false;
  bool qkv_bias = false;
  bool qk_norm = false;                ///< RMSNorm over each query and key head before RoPE
  std::optional<MoeSpec> moe;

  std::int64_t heads_per_kv() const { return num_heads / num_kv_heads; }
  friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
};

/// Throws DataError naming `where` and the first inconsistency (heads not divisible, odd head_dim, sizes not positive).
void check_spec(const ModelSpec& spec, std::string_view where);

/// Every difference between two specs as "field: a, b" lines; `fatal` ones forbid merging (F10 of the methods reference), benign ones
/// (family, max_positions) do not.
struct SpecDifference { std::string field, left, right; bool fatal = true; };
std::vector<SpecDifference> compare_specs(const ModelSpec& left, const ModelSpec& right);

/// The role of a tensor; fusion is configured per kind.
enum class TensorKind { embedding, attention, norm, lm_head, ffn, router };
std::string kind_name(TensorKind kind);

/// One tensor of a spec, under its canonical name. Canonical names are Hugging Face's Llama names:
///   model.embed_tokens.weight [V, D]            lm_head.weight [V, D] (absent when tied)      model.norm.weight [D]
///   model.layers.{l}.input_layernorm.weight [D]                 model.layers.{l}.post_attention_layernorm.weight [D]
///   model.layers.{l}.self_attn.{q,k,v,o}_proj.weight            model.layers.{l}.self_attn.{q,k,v}_proj.bias
///   model.layers.{l}.self_attn.{q,k}_norm.weight [head_dim]     (with qk_norm)
///   model.layers.{l}.mlp.{gate,up,down}_proj.weight             (dense)
///   model.layers.{l}.mlp.experts.{e}.{gate,up,down}_proj.weight (MoE)
///   model.layers.{l}.mlp.shared_expert.{gate,up,down}_proj.weight, model.layers.{l}.mlp.shared_expert_gate.weight [1, D]   (shared_width > 0)
///   model.layers.{l}.mlp.router.{parameter}                     (MoE; the router plugin names its parameters; top_k: "weight" [E, D])
/// checkpoint_names.hpp maps them to the layouts on disk.
struct SpecTensor {
  std::string name;
  TensorKind kind;
  std::int64_t layer = -1;   ///< -1 outside the layers
  std::int64_t expert = -1;  ///< -1 outside the routed experts
  std::vector<std::int64_t> shape;
};

/// All tensors of the spec except router parameters, in canonical order (embedding, layers, final norm, head).
std::vector<SpecTensor> spec_tensors(const ModelSpec& spec);
/// "model.layers.3.", which every name of that layer starts with.
std::string layer_prefix(std::int64_t layer);
/// Of spec_tensors: without router parameters.
std::int64_t count_parameters(const ModelSpec& spec);

/// A model is a spec plus named tensors.
struct Model {
  ModelSpec spec;
  std::shared_ptr<const TensorSource> tensors;
  std::string name;  ///< of the source or variant: "code", "merged"
};

}  // namespace symphony
