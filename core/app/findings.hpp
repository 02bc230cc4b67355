// What a sweep's numbers say, in sentences: the experiment's own questions answered, then who beats whom, controls and rivals included.
#pragma once

#include <string>

#include "core/app/sweep_table.hpp"

namespace symphony {

/// One line a sentence, by block. Every claim carries its number, its interval, and its p corrected by Holm over the sweep's questions.
std::string findings(const SweepRuns& sweep, const SweepTable& table);

}  // namespace symphony
