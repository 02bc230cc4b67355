// What every stage maker needs: the experiment, the plugins, the numeric environment; and how a stage's result is read back as a model.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/data/tokenizer.hpp"
#include "core/model/checkpoint.hpp"
#include "core/model/language_model.hpp"
#include "core/model/model_spec.hpp"
#include "core/model/router.hpp"
#include "core/pipeline/experiment.hpp"
#include "core/pipeline/stage.hpp"
#include "core/plugin/context.hpp"
#include "core/plugin/registry.hpp"

namespace symphony {

/// Where a committed stage lies.
using StageFolder = std::function<std::filesystem::path(const Stage&)>;

struct StageBuilder {
  std::shared_ptr<const Experiment> experiment;
  const PluginRegistry& registry;
  NumericEnvironment environment;

  std::uint64_t seed(std::string_view purpose) const;
  /// The domains that a list in the experiment means: "all" stands for every in-domain one, in configured order.
  std::vector<std::string> resolve_domains(const std::vector<std::string>& names) const;
  /// A plugin's id, revision and parameters, for a stage's identity.
  Value method_identity(std::string_view category, const Method& method) const;
  std::shared_ptr<const Router> router_for(const ModelSpec& spec) const;

  // Training and evaluation, which the experiment may ask to happen on another device and in another type than the rest.
  /// What their stages depend on.
  NumericEnvironment pass_environment() const;
  /// Throws ConfigError where this machine has no such device.
  torch::Device device() const;
  torch::ScalarType dtype() const;
  /// In the type of the passes, for evaluation.
  LanguageModel loaded(const Model& model) const;
  /// In float32, for training.
  LanguageModel trainable(const Model& model) const;
};

struct ModelHandle;
/// What is written beside the tensors of a model: its tokenizer and special tokens.
CheckpointExtras checkpoint_extras(const ModelHandle& model);

/// The context of a plugin call inside a stage.
Context plugin_context(const StageScope& scope, std::uint64_t seed);

/// A model that a stage produces: how to read it once the stage is committed, and what its experts come from.
struct ModelHandle {
  StagePtr stage;
  std::string label;
  std::function<Model(const StageFolder&)> load;
  std::vector<std::string> expert_sources;  ///< of an MoE, by expert
  std::vector<std::string> expert_domains;
  ModelSpec spec;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< of the text that it reads
  SpecialTokenIds token_ids;                ///< as a checkpoint's config.json names them; of a merged model the anchor's, whose ids a union keeps or maps
  Value tokenizer_config = ValueMap{};      ///< its special tokens by role and its chat template; of a merged model the anchor's
  torch::Tensor held_rows_V;                ///< bool; which rows of embedding and head are its own; undefined: all
  bool fused = false;                       ///< put together while it is read, rather than read from its own checkpoint
};

}  // namespace symphony
