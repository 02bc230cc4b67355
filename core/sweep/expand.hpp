// From an experiment file to the runs of its sweep: includes, profiles and overrides first; then, over the whole document, blocks times axes times
// variants times seeds. Every mistake of every point is collected before anything runs.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/pipeline/experiment.hpp"
#include "core/plugin/registry.hpp"
#include "core/sweep/slurm_settings.hpp"

namespace symphony {

struct ExperimentRequest {
  std::filesystem::path file;              ///< as given: sought in the working directory, then among the shipped experiments
  std::vector<std::string> profiles;
  std::vector<std::string> overrides;      ///< "key.path=value", "+key.path=value", "~key.path"
};

/// One run: a resolved experiment under one seed.
struct ResolvedPoint {
  std::string run_id;            ///< "independent.none.s1-1a2b3c4d": readable, and unique by the hash of the resolved config
  std::string block, variant;    ///< what it is called: variants are compared with each other within a block; "" when the sweep has none
  std::int64_t seed = 1;
  std::string config_hash;       ///< SHA-256 of the canonical config
  Value config;                  ///< the resolved experiment, canonical
  Value origins = ValueMap{};    ///< path to place, for every value that was written somewhere
  std::shared_ptr<const Experiment> experiment;
};

struct Sweep {
  std::string name, about, baseline;
  SlurmSettings slurm;                     ///< how the sweep is submitted to a cluster; no part of any run
  std::vector<std::string> duplicates;     ///< "b is the same run as a": points that resolve to one configuration
};

/// Hands every distinct run to `on_run`: block by block, the last axis faster than those before it, then variants, then seeds. No point is
/// handed on once a mistake was found. Throws ConfigError listing every mistake with its place.
Sweep expand_experiment(const ExperimentRequest& request, const PluginRegistry& registry, const std::function<void(ResolvedPoint)>& on_run);

/// The file that `--exp` means. Throws ConfigError naming the places it was sought in and the nearest experiment.
std::filesystem::path find_experiment(const std::filesystem::path& given);

}  // namespace symphony
