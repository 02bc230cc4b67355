// runner status DIR: which runs of a sweep are finished, running, failed or still to come. Loads no plugin.
#include <iostream>

#include "core/app/command.hpp"
#include "core/base/table.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/log/status_file.hpp"
#include "core/sweep/plan.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("dir", po::value<std::string>(), "results/<experiment>");
  po::positional_options_description positional;
  positional.add("dir", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("dir")) fail<ConfigError>("runner status", "expected the folder of a sweep: runner status results/alignment");
  const fs::path folder = (*values)["dir"].as<std::string>();
  const fs::path plan_file = folder / "plan.json";
  if (!fs::exists(plan_file)) fail<DataError>(folder.string(), "no plan.json here; expected results/<experiment>");
  const Plan plan = read_plan(plan_file);
  Table table({"run", "state", "at", "heartbeat", "message"});
  for (const SweepPoint& point : plan.points) {
    const fs::path file = folder / point.run_id / "status.json";
    if (!fs::exists(file)) {
      table.add_row({point.run_id, "pending", "", "", ""});
      continue;
    }
    const RunStatus status = read_status(file);
    table.add_row({point.run_id, status.state, status.state == "running" ? status.stage : "", status.heartbeat, status.message});
  }
  fmt::print("{}", table.text());
  return 0;
}

}  // namespace

Command make_status() { return {"status", "DIR", "which runs of a sweep are finished, running, failed or to come", run}; }

}  // namespace symphony
