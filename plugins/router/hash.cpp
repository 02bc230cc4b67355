// The fixed control: a token id always goes to the same k experts, with weight 1/k, and nothing is learnt. Source: Roller et al. 2021, "Hash
// Layers For Large Sparse Models", arXiv 2106.04426, section 3.
// Differs from the paper in how the table is balanced: instead of token frequencies, which a plugin does not see, every run of E consecutive
// token ids is dealt over the E experts by a random permutation pi, id v taking experts pi[(v mod E) + j mod E], j < k. So every run gives each
// expert exactly k ids, whatever the size of the vocabulary, and the table needs no memory.
// T tokens, E experts, K choices per token.
#include <map>

#include "core/base/error.hpp"
#include "core/plugin/declare.hpp"
#include "core/plugin/linear_router.hpp"

namespace symphony {
namespace {

constexpr const char* kWho = "router.hash";
// Philox blocks set aside for one permutation; what it draws is far less, also after rejections.
constexpr std::uint64_t kBlocksPerRun = 1 << 20;

struct HashParams {
  std::int64_t k = 1;
  std::int64_t seed = 1;
  bool per_layer = false;
  static void describe(Schema& s) {
    s.field<&HashParams::k>("k", "experts per token, all different, each with weight 1/k").at_least(1);
    s.field<&HashParams::seed>("seed", "which table; not derived from the run's seed, so that repetitions share it").at_least(0);
    s.field<&HashParams::per_layer>("per_layer", "whether every layer has a table of its own; otherwise a token keeps its experts at every depth");
  }
};

class Hash final : public Router {
 public:
  explicit Hash(const HashParams& params) : params_(params) {}

  RouterProperties properties() const override { return {.differentiable = false}; }

  std::int64_t choices_per_token(std::int64_t num_experts) const override {
    return checked_choices(params_.k, num_experts, kWho);
  }

  std::vector<RouterParameter> parameters(const ModelSpec&) const override { return {}; }

  RouterOutput route(const RouterInput& input, const TensorMap&) const override {
    const torch::Tensor ids_T = input.token_ids_T.to(torch::kCPU, torch::kInt64).contiguous();
    const std::int64_t num_tokens = ids_T.numel(), num_experts = input.num_experts, k = choices_per_token(num_experts);
    if (num_tokens > 0 && ids_T.min().item<std::int64_t>() < 0)
      fail<DataError>(kWho, "a token id is {}, expected at least 0", ids_T.min().item<std::int64_t>());

    Random random(static_cast<std::uint64_t>(params_.seed), params_.per_layer ? fmt::format("router.hash/layer.{}", input.layer) : "router.hash");
    std::map<std::int64_t, std::vector<std::int64_t>> dealt;  // permutations of the runs that occur
    const torch::Tensor choices_TK = torch::empty({num_tokens, k}, torch::kInt64);
    std::int64_t* choice = choices_TK.data_ptr<std::int64_t>();
    const std::int64_t* id = ids_T.data_ptr<std::int64_t>();
    for (std::int64_t token_idx = 0; token_idx < num_tokens; ++token_idx) {
      const std::int64_t run_idx = id[token_idx] / num_experts, first = id[token_idx] % num_experts;
      const auto [deal, is_new] = dealt.try_emplace(run_idx);
      if (is_new) {
        random.seek({.block = static_cast<std::uint64_t>(run_idx) * kBlocksPerRun});
        deal->second = random.permutation(num_experts);
      }
      for (std::int64_t slot_idx = 0; slot_idx < k; ++slot_idx) *choice++ = deal->second[static_cast<std::size_t>((first + slot_idx) % num_experts)];
    }

    RouterOutput output;
    output.choices_TK = choices_TK.to(input.hidden_TD.device());
    output.weights_TK = torch::full({num_tokens, k}, 1.0 / static_cast<double>(k), input.hidden_TD.options().requires_grad(false));
    output.probabilities_TE = torch::zeros({num_tokens, num_experts}, output.weights_TK.options()).scatter(1, output.choices_TK, output.weights_TK);
    return output;
  }

 private:
  HashParams params_;
};

}  // namespace
}  // namespace symphony

SYMPHONY_PLUGIN(symphony::Router, symphony::Hash, symphony::HashParams, "hash", /*revision=*/1,
                "a fixed, balanced table from token ids to experts: nothing is learnt", "Roller et al. 2021, Hash Layers, arXiv 2106.04426");
