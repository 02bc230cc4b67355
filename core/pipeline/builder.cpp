// Small services of the stage makers.
#include "core/pipeline/builder.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/seed.hpp"
#include "core/base/text.hpp"
#include "core/pipeline/environment.hpp"

namespace symphony {

std::uint64_t StageBuilder::seed(std::string_view purpose) const {
  return derive_seed(static_cast<std::uint64_t>(experiment->seed), purpose);
}

std::vector<std::string> StageBuilder::resolve_domains(const std::vector<std::string>& names) const {
  std::vector<std::string> resolved;
  const auto add = [&resolved](const std::string& name) {
    if (std::find(resolved.begin(), resolved.end(), name) == resolved.end()) resolved.push_back(name);
  };
  for (const std::string& name : names) {
    if (name != "all") add(name);
    else for (const std::string& domain : experiment->in_domain()) add(domain);
  }
  return resolved;
}

Value StageBuilder::method_identity(std::string_view category, const Method& method) const {
  const PluginEntry& entry = registry.find(category, method.name);
  Value value = ValueMap{};
  value.set("plugin", entry.id);
  value.set("revision", static_cast<std::int64_t>(entry.header->revision));
  value.set("parameters", registry.canonical(category, method).params);
  return value;
}

std::shared_ptr<const Router> StageBuilder::router_for(const ModelSpec& spec) const {
  if (!spec.moe) return nullptr;
  auto router = registry.create<Router>(spec.moe->router);
  if (!router->properties().causal)
    fail<ConfigError>("router." + spec.moe->router.name, "its choices depend on later tokens, which a language model that is scored or decoded token by token "
                      "cannot know; expected a causal router");
  return router;
}

NumericEnvironment StageBuilder::pass_environment() const {
  NumericEnvironment result = environment;
  result.device = experiment->device;
  result.dtype = experiment->dtype;
  return result;
}

torch::Device StageBuilder::device() const {
  if (const std::string missing = missing_on_machine(experiment->device); !missing.empty())
    fail<ConfigError>("device", "got {}, but {}", quoted(experiment->device), missing);
  return torch::Device(experiment->device);
}

torch::ScalarType StageBuilder::dtype() const { return experiment->dtype == "bfloat16" ? torch::kBFloat16 : torch::kFloat32; }

LanguageModel StageBuilder::loaded(const Model& model) const { return {model, router_for(model.spec), device(), dtype()}; }

LanguageModel StageBuilder::trainable(const Model& model) const { return {model, router_for(model.spec), device()}; }

CheckpointExtras checkpoint_extras(const ModelHandle& model) { return {model.tokenizer->to_json(), model.token_ids, model.tokenizer_config}; }

Context plugin_context(const StageScope& scope, std::uint64_t seed) {
  Context context;
  context.seed = seed;
  context.recorder = &scope.record;
  context.progress = [progress = scope.progress](double share) { progress(share, ""); };
  return context;
}

}  // namespace symphony
