// Verbs that are written in Python: a script of analysis/ under the first interpreter that has its packages.
#pragma once

#include <string>
#include <vector>

namespace symphony {

/// Runs analysis/<script> of the source tree or of the installed package with these arguments, on this process's own terminal. Returns the exit
/// status for the runner. Throws ConfigError, saying what to install, when no python3 has the packages.
int run_analysis_script(const std::string& verb, const std::string& script, const std::vector<std::string>& arguments);

}  // namespace symphony
