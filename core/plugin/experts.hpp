// Category `experts`: the plan of the merged model. For every FFN, whether the sources' own are kept as a bank of experts or one is shared;
// what fills each slot of the bank; and the output scale that reproduces the dense layer. Core carries the plan out with views.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/model_spec.hpp"
#include "core/plugin/context.hpp"

namespace symphony {

enum class ExpertKind { ffn, shared, zero, copy, constant };
std::string expert_kind_name(ExpertKind kind);

/// One slot of the bank in every layer.
struct ExpertSlot {
  ExpertKind kind = ExpertKind::ffn;
  std::size_t source = 0;              ///< whose FFN fills it
  std::string label;                   ///< "code", "code copy 2"
};

struct ExpertPlan {
  /// Empty: no MoE; every FFN is fused by the experiment's `fusion.ffn`.
  std::vector<ExpertSlot> slots;
  double output_scale = 1.0;           ///< c in y = c * sum_e w_e E_e(x)
  /// Unset: tensors outside the experts are fused. Set: they are all taken from this source.
  std::optional<std::size_t> backbone_from;
  /// Standard deviation of Gaussian noise added to the weights of slots after the first, relative to each tensor's own; 0 = exact copies.
  double noise = 0.0;
  /// Share of every slot's hidden units that are drawn anew: gate and up rows and down columns of units chosen for each slot and layer, normal
  /// with the mean and standard deviation of the numbers that they replace.
  double reinitialised = 0.0;
};

struct ExpertsProblem {
  const ModelSpec& spec;               ///< of the dense sources
  const std::vector<std::string>& source_names;
  std::size_t anchor = 0;
};

class Experts {
 public:
  virtual ~Experts();
  virtual ExpertPlan plan(const ExpertsProblem& problem, const Context& context) const = 0;
};

/// Throws PluginError naming `who` when the plan cannot be carried out: unknown source, an expert kind that core does not build yet,
/// an output scale, noise or share of redrawn units out of range.
void check_plan(const ExpertPlan& plan, const ExpertsProblem& problem, std::string_view who);

}  // namespace symphony
