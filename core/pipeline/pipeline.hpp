// From a checked experiment to the stages of its run, and to where their records belong in the run's log.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/pipeline/experiment.hpp"
#include "core/pipeline/stage.hpp"
#include "core/pipeline/text_stage.hpp"

namespace symphony {

/// A stage whose record the run's log absorbs, and the group that it goes to.
struct RecordPlacement {
  StagePtr stage;
  std::string group;
};

/// A stage that holds evaluation rows, and what they are of.
struct RowsPlacement {
  StagePtr stage;
  std::string subject;   ///< "model", "source_code", "ensemble"
  std::string point;     ///< "step_0", a phase's name; "given" for sources and rivals
  std::string suite;
};

struct RunPipeline {
  std::vector<StagePtr> stages;             ///< inputs before those that read them
  std::vector<RecordPlacement> records;
  std::vector<RowsPlacement> rows;
  std::vector<std::string> points;          ///< in order: "step_0", then the phases
  StagePtr exported;                        ///< holds the exported model; null without `export`
  std::vector<std::string> skipped_phases;  ///< left out because nothing would learn
};

/// Computes every key; touches no model and runs nothing. Throws ConfigError for what only shows here (a plan that cannot be carried out).
RunPipeline build_pipeline(std::shared_ptr<const Experiment> experiment, const PluginRegistry& registry);
/// The same for one of many runs, which share what was found out about their text.
RunPipeline build_pipeline(std::shared_ptr<const Experiment> experiment, const PluginRegistry& registry, TextCatalogue& texts);

}  // namespace symphony
