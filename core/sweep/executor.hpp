// What a worker does with one item of a plan: compute a shared stage, or finish a run and write its log.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/plugin/registry.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

/// Carries out item `index`, keeping its job file and, for a run, its status.json up to date. Throws what went wrong after noting it there; Interrupted after a stop request.
void execute_item(const Plan& plan, std::size_t index, const PluginRegistry& registry, const std::function<bool()>& stop_requested);

/// Whether the run's log is finished and was made of exactly the stages that the plan asks for now.
bool run_is_finished(const Plan& plan, const SweepPoint& point);
/// By item: whether it needs no worker, because its stage is committed or its run is finished.
std::vector<bool> finished_items(const Plan& plan);
/// What the run's status.json must say for that: SHA-256 over the ids of its stages.
std::string stages_hash(const Plan& plan, const SweepPoint& point);

}  // namespace symphony
