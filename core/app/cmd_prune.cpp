// runner prune DIR: shows what a results folder holds that no listed run uses, and removes it when told to. Loads no plugin.
#include <iostream>

#include <unistd.h>

#include "core/app/command.hpp"
#include "core/base/error.hpp"
#include "core/base/table.hpp"
#include "core/base/text.hpp"
#include "core/sweep/prune.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

/// The folder with the cache: DIR, or its parent when DIR is an experiment's.
fs::path results_folder(const fs::path& given) {
  if (fs::exists(given / ".cache")) return given;
  const fs::path parent = fs::absolute(given).lexically_normal().parent_path();
  if (fs::exists(given / "plan.json") && fs::exists(parent / ".cache")) return parent;
  fail<ConfigError>("runner prune", "no results in {}, expected a folder with .cache, such as 'results'", quoted(given.string()));
}

bool confirmed(std::size_t count) {
  if (::isatty(STDIN_FILENO) != 1) {
    fmt::print("nothing was removed; add --yes to remove it\n");
    return false;
  }
  fmt::print("remove these {}? [y/N] ", count);
  std::cout.flush();
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("dir", po::value<std::string>(), "the results")
      ("runs", "also the runs that are in no plan any more, and what only they use")
      ("yes", "remove without asking");
  po::positional_options_description positional;
  positional.add("dir", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("dir")) fail<ConfigError>("runner prune", "expected a folder of results: runner prune results");
  const fs::path results = results_folder((*values)["dir"].as<std::string>());
  const auto removals = find_removals(results, values->count("runs") > 0);
  if (removals.empty()) {
    fmt::print("nothing to remove: listed runs use all that is there\n");
    return 0;
  }
  Table table({"what", "size", "why"});
  std::uint64_t total = 0;
  for (const Removal& removal : removals) {
    table.add_row({removal.path.lexically_relative(results).string(), human_bytes(removal.bytes), removal.why});
    total += removal.bytes;
  }
  fmt::print("{}{} in {} places\n", table.text(), human_bytes(total), removals.size());
  if (values->count("yes") == 0 && !confirmed(removals.size())) return 0;
  std::uint64_t removed = 0;
  for (const Removal& removal : removals) {
    if (remove_unless_busy(removal)) removed += removal.bytes;
    else fmt::print("kept, a process is at it: {}\n", removal.path.string());
  }
  fmt::print("removed {}\n", human_bytes(removed));
  return 0;
}

}  // namespace

Command make_prune() { return {"prune", "DIR [--runs] [--yes]", "remove cached results that no listed run uses, after showing them", run}; }

}  // namespace symphony
