// What a process can say about its machine and build without LibTorch.
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <fstream>

#include <dlfcn.h>
#include <fmt/format.h>
#include <hdf5.h>
#include <sched.h>

#include "core/log/provenance.hpp"

namespace symphony {

namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      if (const std::size_t colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return "unknown";
}

std::int64_t usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

/// OpenBLAS is looked up by name among what is loaded: which BLAS a process gets is decided by Debian's alternatives, not at link time.
void describe_blas(Environment& environment) {
  if (void* config = dlsym(RTLD_DEFAULT, "openblas_get_config")) environment.blas = reinterpret_cast<char* (*)()>(config)();
  if (void* parallel = dlsym(RTLD_DEFAULT, "openblas_get_parallel")) environment.blas_parallel = reinterpret_cast<int (*)()>(parallel)();
}

}  // namespace

Environment collect_environment() {
  Environment environment;
  utsname names{};
  uname(&names);
  environment.host = names.nodename;
  environment.kernel = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  environment.cpu_model = cpu_model();
  environment.cpu_count = usable_processors();
  environment.compiler = fmt::format("g++ {}", __VERSION__);
  environment.build_type = SYMPHONY_BUILD_TYPE;
  describe_blas(environment);
  environment.libraries = {{"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
                           {"hdf5", hdf5_version()},
                           {"yaml-cpp", SYMPHONY_YAML_VERSION}};
  return environment;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace symphony
