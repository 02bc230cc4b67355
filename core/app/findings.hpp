// What a sweep's numbers say, in sentences: the experiment's own questions answered, then who beats whom, controls and rivals included.
#pragma once

#include <string>

#include "core/app/sweep_table.hpp"

namespace symphony {

/// One line a sentence, by block. Every claim carries its number and its interval.
std::string findings(const SweepRuns& sweep, const SweepTable& table);

}  // namespace symphony
