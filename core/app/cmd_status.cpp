// runner status DIR: which runs of a sweep are finished, running, dead, failed or still to come. Loads no plugin.
#include <cstdio>

#include "core/app/command.hpp"
#include "core/app/run_states.hpp"
#include "core/app/sweep_runs.hpp"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/table.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

/// Messages of several lines are for the log; here the first one tells which it is.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string heard(const RunState& state) { return state.heartbeat_age ? human_seconds(*state.heartbeat_age) + " ago" : ""; }

std::string text_of(const std::vector<RunState>& states, const char* first_header) {
  using enum Table::Align;
  Table table({first_header, "state", "at", "heard of", "message"}, {left, left, left, right, left});
  for (const RunState& state : states) table.add_row({state.run_id, state.state, state.stage, heard(state), first_line(state.message)});
  return table.text();
}

Value json_of(const std::vector<RunState>& states) {
  ValueList list;
  for (const RunState& state : states)
    list.push_back(ValueMap{{"run_id", state.run_id}, {"state", state.state}, {"stage", state.stage}, {"message", state.message},
                            {"heartbeat_age", state.heartbeat_age ? Value(*state.heartbeat_age) : Value()}});
  return list;
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("dir", po::value<std::string>(), "results/<experiment>")
      ("format", po::value<std::string>()->default_value("text"), "text or json");
  po::positional_options_description positional;
  positional.add("dir", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("dir")) fail<ConfigError>("runner status", "expected the folder of a sweep: runner status results/alignment");
  const std::string format = (*values)["format"].as<std::string>();
  if (format != "text" && format != "json") fail<ConfigError>("--format", "got {}, expected text or json", quoted(format));
  const std::filesystem::path folder = (*values)["dir"].as<std::string>();
  const Plan plan = plan_of_sweep(folder);
  const auto runs = run_states(plan, folder);
  const auto stages = stage_states(plan);
  if (format == "json") {
    fmt::print("{}\n", to_json(ValueMap{{"runs", json_of(runs)}, {"shared_stages", json_of(stages)}}, 2));
    return 0;
  }
  fmt::print("{}\n", text_of(runs, "run"));
  if (!stages.empty()) fmt::print("{}\n", text_of(stages, "shared stage"));
  fmt::print("{}\n", count_states(runs));
  return 0;
}

}  // namespace

Command make_status() { return {"status", "DIR [--format text|json]", "which runs of a sweep are finished, running, dead, failed or to come", run}; }

}  // namespace symphony
