// Finding an interpreter and a script, and running them.
#include "core/app/analysis_script.hpp"

#include <filesystem>

#include "core/base/error.hpp"
#include "core/base/process.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

namespace fs = std::filesystem;

fs::path find_script(const std::string& where, const std::string& script) {
  const fs::path installed = own_executable().parent_path().parent_path() / "share" / "symphony" / "analysis" / script;
  const fs::path source = fs::path(SYMPHONY_SOURCE_DIR) / "analysis" / script;
  for (const fs::path& path : {source, installed})
    if (fs::is_regular_file(path)) return path;
  fail<ConfigError>(where, "found neither {} nor {}", source.string(), installed.string());
}

/// Debian's own first: another python3 may come earlier on the PATH and lack the packages.
std::string python_with_packages(const std::string& where) {
  for (const char* python : {"/usr/bin/python3", "python3"}) {
    try {
      run_command({python, "-c", "import h5py, matplotlib, pandas, scipy, xarray"}, {}, python);
      return python;
    } catch (const DataError&) {
      // The next one may have them.
    }
  }
  fail<ConfigError>(where, "no python3 imports h5py, matplotlib, pandas, scipy and xarray; install them with: "
                           "apt-get install python3-h5py python3-matplotlib python3-pandas python3-scipy python3-xarray");
}

}  // namespace

int run_analysis_script(const std::string& verb, const std::string& script, const std::vector<std::string>& arguments) {
  const std::string where = "runner " + verb;
  std::vector<std::string> command{python_with_packages(where), "-B", find_script(where, script).string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Child child = Child::spawn(command);
  const ExitState& end = child.wait();
  if (end.signal != 0) fail<DataError>(where, "{} was {}", command_text(command), end.text());
  return end.status == 0 ? 0 : DataError("").exit_code();
}

}  // namespace symphony
