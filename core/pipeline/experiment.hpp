// The typed top level of an experiment: every key of a resolved experiment file, with its default, range and meaning, declared once.
// One Experiment is one sweep point under one seed; `sweep`, `seeds`, `include` and `profiles` have been used up before it is bound.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/schema.hpp"
#include "core/data/domain.hpp"
#include "core/model/model_spec.hpp"
#include "core/plugin/registry.hpp"
#include "core/train/trainer.hpp"

namespace symphony {

/// The shape of a model trained here.
struct ModelShape {
  std::string family = "llama";
  std::int64_t hidden_size = 96, layers = 3, heads = 4, kv_heads = 4, ffn_size = 256;
  double rope_theta = 10000.0, norm_eps = 1e-6;
  bool tied_head = false, qkv_bias = false;
  static void describe(Schema& s);
  ModelSpec spec(std::int64_t vocab_size, std::int64_t max_positions) const;
};

/// How a source is trained: shape and optimiser settings, shared by name.
struct Recipe {
  std::optional<ModelShape> model;          ///< none: the default shape, or that of the checkpoint that training starts from
  TrainSettings training;
  static void describe(Schema& s);
};

/// Where a source's own training starts: training that several sources share before they part, or a checkpoint.
struct StartSettings {
  std::string domain = "all";
  std::int64_t steps = 0;                   ///< 0: with a checkpoint
  std::optional<std::string> checkpoint;    ///< a Hugging Face directory
  static void describe(Schema& s);
};

struct TrainedSource {
  std::string domain;                       ///< a domain's name, or "all" in-domain ones
  std::string recipe;
  std::optional<std::int64_t> steps;        ///< instead of the recipe's; 0 with a start: the start itself
  std::optional<double> learning_rate;      ///< instead of the recipe's
  std::optional<StartSettings> start;
  static void describe(Schema& s);
};

struct SourceModel {
  std::optional<TrainedSource> train;
  std::optional<std::string> checkpoint;    ///< a Hugging Face directory
  std::string domain;                       ///< of a checkpoint: the domain that it stands for, if any
  static void describe(Schema& s);
};

struct SourcesSettings {
  std::string anchor;
  Named<SourceModel> models;
  std::vector<std::string> use;             ///< names in `models`: those that are merged, in this order; empty: all but the base
  std::string fetch;                        ///< what makes the checkpoint directories: shown when one is missing, never run
  std::optional<std::string> base;          ///< a name in `models`: the common ancestor, itself not merged
  static void describe(Schema& s);
};

struct CalibrationSettings {
  std::vector<std::string> domains{"all"};
  std::int64_t tokens = 65536;
  std::int64_t length = 128;
  static void describe(Schema& s);
};

struct AlignmentSettings {
  Method method{"none"};
  double tolerance = 1e-5;                  ///< of the invariance check
  std::string covariance_dtype = "float32";
  static void describe(Schema& s);
};

struct FusionSettings {
  Method embedding{"average"}, attention{"average"}, norm{"average"}, lm_head{"average"}, ffn{"average"};
  static void describe(Schema& s);
};

struct ExpertsSettings {
  Method method{"separate"};
  static void describe(Schema& s);
};

struct RouterSettings {
  Method method{"top_k"};
  Method init{"uniform"};
  double balance = 0.01;
  static void describe(Schema& s);
};

/// A phase of post-training: which parts learn, and the optimiser's settings beside that.
struct PhaseSettings : TrainSettings {
  std::string name;                         ///< default: the trained parts joined by '+'
  static void describe(Schema& s);
};

struct TrainingSettings {
  std::vector<std::string> domains{"all"};
  std::vector<PhaseSettings> phases;
  static void describe(Schema& s);
};

struct EvalWindows {
  std::int64_t length = 128;                ///< tokens in a window
  std::int64_t context = 1;                 ///< tokens that a window repeats from the one before
  std::int64_t in_domain = 128;             ///< windows of each in-domain domain
  std::int64_t out_of_distribution = 64;
  static void describe(Schema& s);
};

struct ActivationLogging {
  std::vector<std::string> sites;           ///< empty: none
  std::int64_t tokens = 512;                ///< of each domain, kept raw
  std::string type = "float16";
  static void describe(Schema& s);
};

struct LoggingSettings {
  ActivationLogging activations;
  std::int64_t every = 10;                  ///< optimiser steps between rows of a training series
  static void describe(Schema& s);
};

/// A question that the report answers from the numbers: does `variant` differ from `against`, more than any of `noise` does?
struct Question {
  std::string ask, variant, against;
  std::vector<std::string> noise;           ///< variants that differ from the sweep's baseline by rounding only
  std::string published;                    ///< what a publication reports for this, printed beside the answer
  static void describe(Schema& s);
};

/// The model at the end of a run, written as a Hugging Face directory.
struct ExportSettings {
  std::string family;                       ///< model_type; empty: the first that computes what the model does
  std::string experts = "separate";
  std::string dtype = "kept";
  double file_gigabytes = 5.0;
  static void describe(Schema& s);
};

struct Experiment {
  std::string name, about;
  std::int64_t seed = 1;
  std::int64_t threads = 1;
  std::string device = "cpu";               ///< of training and evaluation
  std::string dtype = "float32";            ///< of their passes; parameters are trained in float32
  Named<DomainRecipe> domains;
  Named<Recipe> recipes;
  SourcesSettings sources;
  CalibrationSettings calibration;
  AlignmentSettings alignment;
  FusionSettings fusion;
  ExpertsSettings experts;
  RouterSettings router;
  std::vector<Method> edits;
  TrainingSettings training;
  EvalWindows windows;
  std::vector<Method> eval{Method{"bits_per_byte"}};
  std::vector<std::string> rivals;
  LoggingSettings logging;
  std::optional<ExportSettings> exported;   ///< `export`
  std::vector<Question> report;
  Named<std::vector<double>> expect;        ///< metric: value, or lowest and highest; a run that ends elsewhere fails (smoke experiments)
  static void describe(Schema& s);

  std::vector<std::string> in_domain() const;   ///< names of the domains that are not out of distribution
  const SourceModel& source(const std::string& source_name) const;
  std::vector<std::string> merged_sources() const;  ///< `use`, or every model but the base in configured order
};

/// Everything that the schema alone cannot see: names that refer to nothing, plugins and their parameters, empty phases. Methods are
/// replaced by their canonical form (all parameters filled in). Issues carry the path within the experiment.
SchemaIssues check_experiment(Experiment& experiment, const PluginRegistry& registry);

}  // namespace symphony
