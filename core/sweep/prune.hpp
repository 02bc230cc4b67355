// What a results folder holds that no run needs: results of stages that no listed run uses, and what killed processes left behind.
//
// A run is listed when a plan.json below the folder names it, or when its folder is there though its plan has changed since. Runs of the latter
// kind go only when asked for, and then with the stages that only they use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace symphony {

struct Removal {
  enum class Kind { stage, leftover, run } kind = Kind::stage;
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::string why;
};

/// `results` holds .cache/ and one folder an experiment. Throws DataError when it has no .cache, or when a plan cannot be read: what a plan of
/// another version uses is not known, and must not be lost.
std::vector<Removal> find_removals(const std::filesystem::path& results, bool unlisted_runs);

/// Removes it, unless a process is at it: then nothing happens and false is returned.
bool remove_unless_busy(const Removal& removal);

}  // namespace symphony
