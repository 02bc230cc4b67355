// See the header.
#include "core/log/status_file.hpp"

#include <unistd.h>

#include <array>
#include <fstream>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/log/provenance.hpp"

namespace symphony {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string status_text(RunStatus status) {
  // Messages may quote bytes of a user's file; a status must be written all the same.
  const auto tree = [&] {
    return ValueMap{{"state", status.state}, {"run_id", status.run_id}, {"stage", status.stage}, {"message", status.message},
                    {"heartbeat", status.heartbeat}, {"pid", status.pid}, {"host", status.host}};
  };
  try {
    return to_json(tree(), 2);
  } catch (const DataError&) {
    for (char& c : status.message)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    return to_json(tree(), 2);
  }
}

Value status_tree(const std::filesystem::path& path) {
  try {
    return parse_json(read_text(path), path.string());
  } catch (const DataError&) {
    return {};
  }
}

std::string text_of(const Value& tree, std::string_view key) {
  const Value* value = tree.find(key);
  return value && value->is_string() ? value->as_string() : "";
}

}  // namespace

void write_status(const std::filesystem::path& path, RunStatus status) {
  if (status.heartbeat.empty()) status.heartbeat = utc_now();
  if (status.pid == 0) status.pid = getpid();
  if (status.host.empty()) status.host = host_name();
  const std::string text = status_text(status);
  const std::filesystem::path fresh = path.string() + ".new";
  std::ofstream(fresh) << text << '\n';
  std::error_code error;
  std::filesystem::rename(fresh, path, error);
  if (error) fail<DataError>(path.string(), "writing the status failed: {}", error.message());
}

RunStatus read_status(const std::filesystem::path& path) {
  const Value tree = status_tree(path);
  if (!tree.is_map()) fail<DataError>(path.string(), "the file is missing or not a status; expected a JSON object");
  RunStatus status;
  status.state = text_of(tree, "state");
  status.run_id = text_of(tree, "run_id");
  status.stage = text_of(tree, "stage");
  status.message = text_of(tree, "message");
  status.heartbeat = text_of(tree, "heartbeat");
  const Value* pid = tree.find("pid");
  if (pid && pid->is_int()) status.pid = pid->as_int();
  status.host = text_of(tree, "host");
  return status;
}

}  // namespace symphony
