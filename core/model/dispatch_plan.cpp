// The stable counting sort behind the MoE's gather.
#include "core/model/dispatch_plan.hpp"

#include <algorithm>

#include "core/base/error.hpp"

namespace symphony {

namespace {

torch::Tensor index_tensor(const std::vector<std::int64_t>& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

}  // namespace

DispatchPlan plan_dispatch(const torch::Tensor& choices_TK, std::int64_t num_experts, std::string_view who) {
  const auto host_TK = choices_TK.to(torch::kCPU).contiguous();
  const auto num_tokens = host_TK.size(0), width = host_TK.size(1);
  const auto* choices = host_TK.data_ptr<std::int64_t>();

  DispatchPlan plan;
  plan.counts_E.assign(static_cast<std::size_t>(num_experts), 0);
  std::vector<std::int64_t> used, repeated, kept;
  used.reserve(static_cast<std::size_t>(host_TK.numel()));
  for (std::int64_t token = 0; token < num_tokens; ++token) {
    const auto* first = choices + token * width;
    for (std::int64_t k = 0; k < width; ++k) {
      const auto expert = first[k];
      if (expert < -1 || expert >= num_experts)
        fail<PluginError>(who, "token {} chose expert {}, expected -1 (unused) or 0 to {}", token, expert, num_experts - 1);
      if (expert < 0) continue;
      const auto earlier = std::find(first, first + k, expert) - first;
      if (earlier < k) {
        repeated.push_back(token * width + k);
        kept.push_back(token * width + earlier);
        continue;
      }
      used.push_back(token * width + k);
      ++plan.counts_E[static_cast<std::size_t>(expert)];
    }
  }

  std::vector<std::int64_t> next(plan.counts_E.size(), 0);
  for (std::size_t expert = 1; expert < next.size(); ++expert) next[expert] = next[expert - 1] + plan.counts_E[expert - 1];
  std::vector<std::int64_t> rows(used.size()), slots(used.size());
  for (const auto slot : used) {
    const auto place = static_cast<std::size_t>(next[static_cast<std::size_t>(choices[slot])]++);
    rows[place] = slot / width;
    slots[place] = slot;
  }
  plan.token_rows_S = index_tensor(rows, choices_TK.device());
  plan.slots_S = index_tensor(slots, choices_TK.device());
  if (!repeated.empty()) {
    plan.repeated_R = index_tensor(repeated, choices_TK.device());
    plan.kept_R = index_tensor(kept, choices_TK.device());
  }
  return plan;
}

}  // namespace symphony
