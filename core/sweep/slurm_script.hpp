// The sbatch script of one job array, as text: its tasks are consecutive items of a frozen plan, each carried out by `runner --plan P --index I`.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/sweep/slurm_settings.hpp"

namespace symphony {

struct SlurmArray {
  std::string what;                      ///< "3 shared stages"
  std::size_t first = 0;                 ///< item of the plan that task 0 carries out
  std::vector<std::string> tasks;        ///< labels of the items from there on
};

/// What the scripts of a submission have in common. All paths are absolute and seen alike from every node.
struct SlurmContext {
  SlurmSettings settings;                ///< `cpus` at least 1
  std::string experiment;
  std::filesystem::path runner, plan_file, console_folder, working_directory;
};

std::string slurm_script(const SlurmArray& array, const SlurmContext& context);

/// `text` as one word of a POSIX shell.
std::string shell_word(std::string_view text);

}  // namespace symphony
