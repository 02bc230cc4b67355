// runner report DIR: one HTML page about a sweep, written by analysis/report.py under the first Python that has its packages.
#include "core/app/command.hpp"
#include "core/base/error.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;
namespace fs = std::filesystem;

fs::path report_script() {
  const fs::path installed = own_executable().parent_path().parent_path() / "share" / "symphony" / "analysis" / "report.py";
  const fs::path source = fs::path(SYMPHONY_SOURCE_DIR) / "analysis" / "report.py";
  for (const fs::path& script : {source, installed})
    if (fs::is_regular_file(script)) return script;
  fail<ConfigError>("runner report", "found neither {} nor {}", source.string(), installed.string());
}

/// Debian's own first: another python3 may come earlier on the PATH and lack the packages.
std::string python_with_packages() {
  for (const char* python : {"/usr/bin/python3", "python3"}) {
    try {
      run_command({python, "-c", "import h5py, matplotlib, pandas, scipy, xarray"}, {}, python);
      return python;
    } catch (const DataError&) {
      // The next one may have them.
    }
  }
  fail<ConfigError>("runner report", "no python3 imports h5py, matplotlib, pandas, scipy and xarray; install them with: "
                                     "apt-get install python3-h5py python3-matplotlib python3-pandas python3-scipy python3-xarray");
}

int run(const Command& self, const std::vector<std::string>& args) {
  po::options_description options("options");
  options.add_options()("dir", po::value<std::string>(), "results/<experiment>")
      ("against", po::value<std::string>()->value_name("DIR"), "another sweep's folder: compare the two")
      ("metric", po::value<std::string>()->value_name("NAME"), "an in-domain metric of the evaluation rows; default: bits_per_byte")
      ("to", po::value<std::string>()->value_name("FILE"), "where to write; default: DIR/report.html");
  po::positional_options_description positional;
  positional.add("dir", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("dir")) fail<ConfigError>("runner report", "expected the folder of a sweep: runner report results/alignment");
  std::vector<std::string> command{python_with_packages(), "-B", report_script().string(), (*values)["dir"].as<std::string>()};
  for (const char* name : {"against", "metric", "to"})
    if (values->count(name)) command.insert(command.end(), {fmt::format("--{}", name), (*values)[name].as<std::string>()});
  Child child = Child::spawn(command);
  const ExitState& end = child.wait();
  if (end.signal != 0) fail<DataError>("runner report", "{} was {}", command_text(command), end.text());
  return end.status == 0 ? 0 : DataError("").exit_code();
}

}  // namespace

Command make_report() { return {"report", "DIR [options]", "one HTML page about a sweep: answers, numbers, figures, provenance", run}; }

}  // namespace symphony
