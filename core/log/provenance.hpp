// Where a run's numbers come from: program, sources, machine, libraries, plugins, seeds, and what every stage cost.
// Plain data that the pipeline fills; collect_environment() knows what can be known without LibTorch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace symphony {

struct Environment {
  std::string host;
  std::string cpu_model;
  std::int64_t cpu_count = 0;  ///< logical processors this process may use
  std::string kernel;
  std::string compiler;
  std::string build_type;
  std::string blas;                ///< OpenBLAS's own description, "" when another BLAS is loaded
  std::int64_t blas_parallel = -1; ///< openblas_get_parallel(): 0 sequential, 1 pthreads, 2 OpenMP, -1 unknown
  std::vector<std::pair<std::string, std::string>> libraries;  ///< name, version
};

struct PluginUse {
  std::string id;
  std::int64_t revision = 0;
  std::string library;         ///< file name
  std::string library_sha256;
};

struct SeedUse {
  std::string purpose;
  std::uint64_t value = 0;
};

struct StageUse {
  std::string name;
  std::string key;
  bool cached = false;
  double wall_seconds = 0.0;
  double cpu_seconds = 0.0;
};

struct Provenance {
  std::vector<std::string> command_line;
  std::string working_directory;
  std::string git_revision;  ///< "" outside a repository
  std::string git_state;     ///< "clean", "dirty", "unknown"
  std::int64_t threads = 1;
  std::string device = "cpu";
  std::string start_time;    ///< ISO 8601, UTC
  Environment environment;
  std::vector<PluginUse> plugins;
  std::vector<SeedUse> seeds;
};

/// Every field of Environment; the pipeline adds LibTorch to `libraries`.
Environment collect_environment();
/// Time stamp as this format writes it: "2026-11-22T14:02:21Z".
std::string utc_now();

}  // namespace symphony
