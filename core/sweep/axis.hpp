// From an experiment file to the runs of its sweep: includes, profiles, overrides, then blocks times variants times seeds, each a patch over the
// whole document. Every mistake of every point is collected before anything runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/plugin/registry.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

struct ExperimentRequest {
  std::filesystem::path file;              ///< as given: sought in the working directory, then among the shipped experiments
  std::vector<std::string> profiles;
  std::vector<std::string> overrides;      ///< "key.path=value", "+key.path=value", "~key.path"
};

struct Sweep {
  std::string name, about, baseline;
  std::vector<SweepPoint> points;          ///< block by block, variant by variant, seed last and fastest
  std::vector<std::string> duplicates;     ///< "b is the same run as a": points that resolve to one configuration
};

/// Throws ConfigError listing every mistake with its place.
Sweep expand_experiment(const ExperimentRequest& request, const PluginRegistry& registry);

/// The file that `--exp` means. Throws ConfigError naming the places it was sought in and the nearest experiment.
std::filesystem::path find_experiment(const std::filesystem::path& given);

}  // namespace symphony
