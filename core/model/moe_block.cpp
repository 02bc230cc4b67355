// The Mixture-of-Experts FFN.
#include "core/model/moe_block.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/model/dispatch_plan.hpp"
#include "core/model/mlp.hpp"
#include "core/model/projection.hpp"
#include "core/model/row_exchange.hpp"

namespace symphony {

namespace {

void check_routing(const RouterOutput& routing, std::int64_t num_tokens, std::string_view who) {
  if (!routing.choices_TK.defined() || routing.choices_TK.dim() != 2 || routing.choices_TK.size(0) != num_tokens ||
      routing.choices_TK.scalar_type() != torch::kInt64)
    fail<PluginError>(who, "choices have shape {}, expected int64 [{}, K]",
                      routing.choices_TK.defined() ? shape_text(routing.choices_TK.sizes()) : "(none)", num_tokens);
  if (!routing.weights_TK.defined() || routing.weights_TK.sizes() != routing.choices_TK.sizes())
    fail<PluginError>(who, "weights have shape {}, expected {} as the choices",
                      routing.weights_TK.defined() ? shape_text(routing.weights_TK.sizes()) : "(none)", shape_text(routing.choices_TK.sizes()));
}

}  // namespace

torch::Tensor moe_ffn(const MoeSpec& spec, std::int64_t layer, const std::vector<FfnParameters>& experts, const torch::Tensor& input_TD,
                      const RouterOutput& routing, const LayerTap& tap) {
  const std::string who = fmt::format("router.{} in layer {}", spec.router.name, layer);
  check_routing(routing, input_TD.size(0), who);
  const DispatchPlan plan = plan_dispatch(routing.choices_TK, spec.num_experts, who);

  auto weights = routing.weights_TK.to(input_TD.scalar_type()).reshape(-1);
  if (plan.repeated_R.defined()) weights = weights.index_add(0, plan.kept_R, weights.index_select(0, plan.repeated_R));
  const auto weights_S = weights.index_select(0, plan.slots_S);

  // One split instead of a narrow per expert: the backward of a narrow fills a gradient of the whole gather.
  const auto gathered = gather_rows(input_TD, plan.token_rows_S).split_with_sizes(plan.counts_E);
  const auto rows = plan.token_rows_S.split_with_sizes(plan.counts_E);
  std::vector<torch::Tensor> outputs;
  for (std::size_t expert = 0; expert < experts.size(); ++expert) {
    if (plan.counts_E[expert] == 0) continue;
    FfnOutput result = swiglu_ffn(experts[expert], gathered[expert], tap.wants(Site::ffn_gate));
    tap.record_expert(Site::ffn_gate, static_cast<std::int64_t>(expert), result.gate_NF, rows[expert]);
    tap.record_expert(Site::ffn_hidden, static_cast<std::int64_t>(expert), result.hidden_NF, rows[expert]);
    outputs.push_back(std::move(result.out_ND));
  }
  if (outputs.empty()) return torch::zeros_like(input_TD);
  const auto out_TD = combine_rows(torch::cat(outputs), weights_S, plan.token_rows_S, input_TD.size(0));
  return spec.output_scale == 1.0 ? out_TD : out_TD * spec.output_scale;
}

torch::Tensor shared_expert_ffn(const FfnParameters& expert, const torch::Tensor& gate_1D, const torch::Tensor& input_TD) {
  return swiglu_ffn(expert, input_TD).out_ND * project(input_TD, {gate_1D}).sigmoid();
}

}  // namespace symphony
