// What an experiment file and the command line say of Slurm, read out of the document before an experiment is bound to what is left.
#pragma once

#include <string>
#include <vector>

#include "core/config/bind.hpp"
#include "core/sweep/slurm_settings.hpp"

namespace symphony {

/// Takes the key `slurm` out of `document`; its mistakes are told at their places. A wall time in minutes and a memory in MiB may be plain numbers.
SlurmSettings take_slurm_section(Node& document, Mistakes& mistakes);

/// Applies the overrides of settings of Slurm and returns the others. Most files have no `slurm`, so `slurm.time=30` sets the wall time with and
/// without a leading '+'.
std::vector<std::string> apply_slurm_overrides(Node& document, const std::vector<std::string>& overrides);

}  // namespace symphony
