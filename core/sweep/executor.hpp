// What a worker does with one item of a plan: compute a shared stage, or finish a run and write its log.
#pragma once

#include <filesystem>
#include <functional>

#include "core/plugin/registry.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

/// Carries out item `index`, keeping its job.json up to date. Throws what went wrong after noting it there; Interrupted after a stop request.
void execute_item(const Plan& plan, std::size_t index, const PluginRegistry& registry, const std::function<bool()>& stop_requested);

/// Whether the run's log is finished and was made of exactly the stages that the plan asks for now.
bool run_is_finished(const Plan& plan, const SweepPoint& point, const RunPipeline& pipeline);

}  // namespace symphony
