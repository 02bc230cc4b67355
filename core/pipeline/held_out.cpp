// Windows over the held-out part of a text stage.
#include "core/pipeline/held_out.hpp"

#include "core/pipeline/text_stage.hpp"

namespace symphony {

void add_windows(const Experiment& experiment, Value& parameters) {
  parameters.set("windows", Schema::of<EvalWindows>()->read(&experiment.windows));
  ValueList domains;
  for (const auto& [name, recipe] : experiment.domains) domains.push_back(name + (recipe.ood ? " (ood)" : ""));
  parameters.set("domains", std::move(domains));
}

HeldOut load_held_out(const Experiment& experiment, std::size_t domain_idx, const StagePtr& text, const StageFolder& folder,
                      const std::vector<std::int64_t>& token_bytes_V) {
  const EvalWindows& settings = experiment.windows;
  const std::int64_t count = experiment.domains[domain_idx].second.ood ? settings.out_of_distribution : settings.in_domain;
  const torch::Tensor stream = load_text(folder(*text)).held_out.tokens_T.to(torch::kInt64);
  return {stream, make_windows(stream, settings.length, settings.context, count, token_bytes_V)};
}

}  // namespace symphony
