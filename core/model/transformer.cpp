// The decoder, layer by layer.
#include "core/model/transformer.hpp"

#include "core/model/attention.hpp"
#include "core/model/layer_tap.hpp"
#include "core/model/mlp.hpp"
#include "core/model/moe_block.hpp"
#include "core/model/precision.hpp"
#include "core/model/projection.hpp"
#include "core/model/rms_norm.hpp"

namespace symphony {

namespace {

RouterOutput route(const ModelSpec& spec, const Router& router, std::int64_t layer, const LayerParameters& parameters,
                   const torch::Tensor& input_ND, const TokenBatch& tokens, const ForwardOptions& options, RoutingState& routing) {
  RouterInput input;
  // Routing in less than float32 would break ties by rounding.
  input.hidden_TD = widened(input_ND);
  input.token_ids_T = tokens.token_ids_N;
  input.sequence_ids_T = tokens.sequence_ids_N;
  input.positions_T = tokens.positions_N;
  input.carried = routing.carried;
  input.layer = layer;
  input.num_experts = spec.moe->num_experts;
  input.step = options.step;
  input.training = options.training;
  input.seed = options.seed;
  RouterOutput output = router.route(input, parameters.router);
  routing.carried = output.carried;
  if (output.balance.defined()) routing.balance_sum = routing.balance_sum.defined() ? routing.balance_sum + output.balance : output.balance;
  return output;
}

}  // namespace

torch::Tensor embed(const torch::Tensor& embedding_VD, const TokenBatch& tokens, Tap* tap) {
  auto hidden_ND = torch::embedding(embedding_VD, tokens.token_ids_N);
  LayerTap(tap, 0, tokens).record(Site::embedding, hidden_ND);
  return hidden_ND;
}

torch::Tensor attention_half(const ModelSpec& spec, std::int64_t layer, const LayerParameters& parameters, const torch::Tensor& residual_ND,
                             const TokenBatch& tokens, Tap* tap, DecodeState::Layer* cache) {
  const LayerTap layer_tap(tap, layer, tokens);
  layer_tap.record(Site::residual_in, residual_ND);
  const auto normed_ND = rms_norm(residual_ND, parameters.attention_norm_D, spec.norm_eps);
  const auto added_ND = attention(spec, parameters, normed_ND, tokens, cache);
  layer_tap.record(Site::attention_out, added_ND);
  return residual_ND + added_ND;
}

torch::Tensor ffn_input(const ModelSpec& spec, std::int64_t layer, const LayerParameters& parameters, const torch::Tensor& residual_ND,
                        const TokenBatch& tokens, Tap* tap) {
  auto input_ND = rms_norm(residual_ND, parameters.ffn_norm_D, spec.norm_eps);
  LayerTap(tap, layer, tokens).record(Site::ffn_in, input_ND);
  return input_ND;
}

torch::Tensor ffn_half(const ModelSpec& spec, const Router* router, std::int64_t layer, const LayerParameters& parameters,
                       const torch::Tensor& residual_ND, const torch::Tensor& input_ND, const TokenBatch& tokens,
                       const ForwardOptions& options, RoutingState& routing) {
  const LayerTap layer_tap(options.tap, layer, tokens);
  torch::Tensor added_ND;
  if (spec.moe) {
    const RouterOutput routed = route(spec, *router, layer, parameters, input_ND, tokens, options, routing);
    layer_tap.record(Site::router_logits, routed.logits_TE);
    layer_tap.record(Site::router_choices, routed.choices_TK);
    layer_tap.record(Site::router_weights, routed.weights_TK);
    added_ND = moe_ffn(*spec.moe, layer, parameters.ffns, input_ND, routed, layer_tap);
    if (parameters.shared) added_ND = added_ND + shared_expert_ffn(*parameters.shared, parameters.shared_gate_1D, input_ND);
  } else {
    FfnOutput dense = swiglu_ffn(parameters.ffns.front(), input_ND, layer_tap.wants(Site::ffn_gate));
    layer_tap.record(Site::ffn_gate, dense.gate_NF);
    layer_tap.record(Site::ffn_hidden, dense.hidden_NF);
    added_ND = std::move(dense.out_ND);
  }
  layer_tap.record(Site::ffn_out, added_ND);
  auto result_ND = residual_ND + added_ND;
  layer_tap.record(Site::residual, result_ND);
  return result_ND;
}

torch::Tensor decoder_head(const ModelSpec& spec, const torch::Tensor& norm_D, const torch::Tensor& head_VD, const torch::Tensor& residual_ND) {
  return widened(project(rms_norm(residual_ND, norm_D, spec.norm_eps), {head_VD}));
}

}  // namespace symphony
