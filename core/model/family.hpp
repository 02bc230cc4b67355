// The architectures that transformers knows and we compute, as data: how config.json names their fields, what is in force when a field is
// absent, and how a Mixture-of-Experts is laid out on disk. One file a family in families/, and one line in families/list.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/model_spec.hpp"

namespace symphony {

/// Names of the experts' tensors after the layer's prefix; an expert's matrix is `experts` "{e}." `gate`.
struct ExpertNames {
  std::string_view experts = "mlp.experts.";
  std::string_view gate = "gate_proj.weight", up = "up_proj.weight", down = "down_proj.weight";
  std::string_view router = "mlp.gate.weight";  ///< empty: routers of any kind, under their canonical names
};

/// What config.json says of a Mixture-of-Experts.
struct MoeFields {
  std::string_view num_experts = {};            ///< field
  std::string_view num_experts_too = {};        ///< what other versions call it
  std::string_view expert_width = {};           ///< field
  std::int64_t experts_per_token = 2;           ///< when num_experts_per_tok is absent
  std::string_view renormalised = {};           ///< the field that says whether the chosen experts' weights sum to 1; empty: they always do
  std::string_view shared_width = {};           ///< the field with the width of the shared expert; empty: there is none
  ExpertNames names = {};
};

enum class Presence { never, always, by_field };

struct Family {
  std::string_view model_type;                  ///< "qwen2"
  std::string_view architecture;                ///< "Qwen2ForCausalLM"
  std::string_view spec_family = {};            ///< ModelSpec::family of what is read: itself, or an MoE's dense kin; empty: the file says
  Presence qkv_bias = Presence::never;          ///< by_field: "qkv_bias", true when absent
  bool qk_norm = false;
  // What transformers takes when the field is absent.
  double rope_theta = 1e4, norm_eps = 1e-6;
  std::int64_t num_kv_heads = 0;                ///< 0: as many as heads
  std::int64_t head_dim = 0;                    ///< 0: hidden_size / num_attention_heads
  std::int64_t sliding_window = 0;              ///< 0: none
  bool window_is_switched = false;              ///< a window in the file is in force only where use_sliding_window is true
  std::optional<MoeFields> moe = {};
};

/// In a fixed order.
const std::vector<const Family*>& all_families();
/// By model_type. Throws DataError led by `where` with the nearest name.
const Family& find_family(std::string_view model_type, std::string_view where);
/// What ModelSpec::family may be.
std::vector<std::string> dense_family_names();

/// Whether transformers, given a model of `family`, computes what `spec` says: empty if so, otherwise the reason, such as "q/k/v biases,
/// which mixtral does not have".
std::string misfit(const Family& family, const ModelSpec& spec);
/// The family that a model of `spec` is written as: of a dense model its own, of a Mixture-of-Experts the first that fits, at last
/// "symphony_moe", which fits all and which transformers refuses. `wanted`, unless empty, names the family instead. Throws DataError led
/// by `where` when the family does not fit, with the reason.
const Family& family_to_write(const ModelSpec& spec, std::string_view wanted, std::string_view where);

/// The routers that a configuration can imply: a softmax over the k largest of a linear layer, or the k largest of the softmax over all.
Method implied_router(bool renormalised, std::int64_t experts_per_token);
/// The k and the kind, when `router` is one of them.
struct ImpliedRouter { bool renormalised; std::int64_t experts_per_token; };
std::optional<ImpliedRouter> as_implied(const Method& router);

}  // namespace symphony
