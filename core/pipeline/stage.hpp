// A stage: one step of the way from text to results, with a key. Equal keys share one result, across sweep points and invocations.
//
// The key is SHA-256 over the stage's identity: its name and revision, the typed parameters that it reads (plugins with their revisions), the
// keys of its inputs, and the numeric environment. Nothing else may influence the result. Keys are computed without running anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/log/record_file.hpp"

namespace symphony {

struct Stage;
using StagePtr = std::shared_ptr<const Stage>;

/// What computing and keeping a stage takes: estimates from shapes, for the plan and for the scheduler. Not part of the key.
struct StageCost {
  bool light = false;                   ///< cheap enough not to be scheduled as a job of its own
  std::uint64_t kept_bytes = 0;         ///< in the cache
  std::uint64_t read_bytes = 0;         ///< from outside the cache: checkpoints, text
  std::uint64_t peak_memory_bytes = 0;  ///< anonymous memory of the process that computes it, the program itself included
};

/// What a running stage sees: where to write, where to record, how to say how far it is.
struct StageScope {
  std::filesystem::path directory;           ///< the result-to-be; invisible to others until committed
  std::filesystem::path checkpoints;         ///< survives a kill; removed at commit
  RecordFile& record;
  std::function<std::filesystem::path(const Stage&)> input;  ///< the committed result of an input
  std::function<void(double share, const std::string& detail)> progress;  ///< throws Interrupted when the process was asked to stop
  std::function<void(double share, const std::string& detail)> report;    ///< the same for a stage that looks at stop_requested itself
  std::function<bool()> stop_requested;      ///< true after SIGTERM or SIGINT: checkpoint and throw Interrupted
};

struct Stage {
  std::string name;                          ///< "source": the folder in the cache
  std::string label;                         ///< "training code": for people
  Value identity;                            ///< canonical; hashed into the key
  std::string key;                           ///< 32 hex digits
  std::vector<StagePtr> inputs;
  StageCost cost;
  std::function<void(StageScope&)> run;
};

/// Thrown by a stage that stopped because it was asked to, after it saved what it had.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// What all numeric stages depend on besides their parameters.
struct NumericEnvironment {
  std::int64_t threads = 1;
  std::string device = "cpu";
  std::string dtype = "float32";
  Value to_value() const;                    ///< with the LibTorch version
};

/// Completes a stage: writes name, revision, environment, parameters and input keys into the identity, and computes the key.
StagePtr make_stage(std::string name, int revision, std::string label, Value parameters, std::vector<StagePtr> inputs,
                    const NumericEnvironment& environment, std::function<void(StageScope&)> run, StageCost cost = {});

/// All stages that `targets` need, inputs before those that read them, each once.
std::vector<StagePtr> topological(const std::vector<StagePtr>& targets);

}  // namespace symphony
