// See the header.
#include "core/log/status_file.hpp"

#include <unistd.h>

#include <array>
#include <fstream>

#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "core/log/provenance.hpp"

namespace symphony {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

void write_status(const std::filesystem::path& path, RunStatus status) {
  if (status.heartbeat.empty()) status.heartbeat = utc_now();
  if (status.pid == 0) status.pid = getpid();
  if (status.host.empty()) status.host = host_name();
  const nlohmann::ordered_json json{{"state", status.state}, {"run_id", status.run_id}, {"stage", status.stage}, {"message", status.message},
                                    {"heartbeat", status.heartbeat}, {"pid", status.pid}, {"host", status.host}};
  const std::filesystem::path fresh = path.string() + ".new";
  std::ofstream(fresh) << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  std::error_code error;
  std::filesystem::rename(fresh, path, error);
  if (error) fail<DataError>(path.string(), "writing the status failed: {}", error.message());
}

RunStatus read_status(const std::filesystem::path& path) {
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object()) fail<DataError>(path.string(), "the file is missing or not a status; expected a JSON object");
  RunStatus status;
  status.state = json.value("state", "");
  status.run_id = json.value("run_id", "");
  status.stage = json.value("stage", "");
  status.message = json.value("message", "");
  status.heartbeat = json.value("heartbeat", "");
  status.pid = json.value("pid", std::int64_t{0});
  status.host = json.value("host", "");
  return status;
}

}  // namespace symphony
