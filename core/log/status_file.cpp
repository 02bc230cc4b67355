// See the header.
#include "core/log/status_file.hpp"

#include <unistd.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/process.hpp"
#include "core/log/provenance.hpp"

namespace symphony {

namespace {

constexpr std::uint64_t kLargestStatusBytes = 1 << 20;

/// JSON cannot hold bytes that are not UTF-8, and a message may quote any file: a status must not fail for that, so such a text
/// keeps its ASCII part only.
std::string printable(std::string text) {
  try {
    to_json(Value(text));
  } catch (const DataError&) {
    std::replace_if(text.begin(), text.end(), [](unsigned char byte) { return byte >= 0x80; }, '?');
  }
  return text;
}

}  // namespace

void write_status(const std::filesystem::path& path, RunStatus status) {
  if (status.heartbeat.empty()) status.heartbeat = utc_now();
  if (status.pid == 0) status.pid = getpid();
  if (status.host.empty()) status.host = host_name();
  ValueMap fields{{"state", status.state},     {"run_id", status.run_id},       {"stage", status.stage}, {"message", status.message},
                  {"heartbeat", status.heartbeat}, {"pid", status.pid}, {"host", status.host}, {"peak_memory_bytes", status.peak_memory_bytes}, {"stages", status.stages}};
  for (auto& [key, field] : fields)
    if (field.is_string()) field = printable(field.as_string());
  const std::string text = to_json(Value(std::move(fields)), 2) + "\n";
  // Heartbeats come every few seconds and may be lost with the power; an end must not be.
  if (status.state == "running") replace_file(path, text);
  else atomic_write(path, text);
}

RunStatus read_status(const std::filesystem::path& path) {
  const Value json = parse_json(read_text(path, kLargestStatusBytes), path.string());
  const auto text = [&](const char* key) {
    const Value* field = json.is_map() ? json.find(key) : nullptr;
    if (field == nullptr || !field->is_string()) fail<DataError>(path.string(), "no text under '{}'; expected a status of a run", key);
    return field->as_string();
  };
  RunStatus status{text("state"), text("run_id"), text("stage"), text("message"), text("heartbeat"), 0, text("host"), 0, ""};
  if (const Value* pid = json.find("pid"); pid != nullptr && pid->is_int()) status.pid = pid->as_int();
  if (const Value* peak = json.find("peak_memory_bytes"); peak != nullptr && peak->is_int()) status.peak_memory_bytes = peak->as_int();
  if (const Value* stages = json.find("stages"); stages != nullptr && stages->is_string()) status.stages = stages->as_string();
  return status;
}

}  // namespace symphony
