// See the header.
#include "core/log/run_reader.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/base/error.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"
#include "core/log/run_schema.hpp"
#include "core/log/tables.hpp"

namespace symphony {

struct RunReader::State {
  H5File file;
};

namespace {

void collect_datasets(hid_t group, const std::string& prefix, std::vector<std::string>& paths) {
  for (const std::string& name : h5::link_names(group)) {
    if (h5::is_group(group, name)) collect_datasets(h5::open_group(group, name).id(), prefix + name + "/", paths);
    else paths.push_back(prefix + name);
  }
}

}  // namespace

void check_run_schema(hid_t file, const std::filesystem::path& path) {
  if (!h5::has_attribute(file, layout::kSchema))
    fail<DataError>(path.string(), "no attribute '{}'; expected a run file with '{}'", layout::kSchema, layout::kRunSchema);
  const std::string schema = h5::text_attribute(file, layout::kSchema);
  if (schema != layout::kRunSchema) fail<DataError>(path.string(), "schema is '{}', expected '{}'", schema, layout::kRunSchema);
  const std::int64_t version = h5::integer_attribute(file, layout::kSchemaVersion);
  if (version != layout::kVersion) fail<DataError>(path.string(), "schema version is {}, this build reads {}", version, layout::kVersion);
}

RunReader::RunReader(const std::filesystem::path& path) : state_(std::make_unique<State>(State{h5::open_file(path, h5::Access::read)})) {
  check_run_schema(state_->file.id(), path);
}
RunReader::RunReader(RunReader&&) noexcept = default;
RunReader::~RunReader() = default;

RunSummary RunReader::summary() const {
  const hid_t file = state_->file.id();
  return {h5::text_attribute(file, layout::kRunId),      h5::text_attribute(file, layout::kExperiment),
          h5::text_attribute(file, layout::kVariant),    h5::integer_attribute(file, layout::kSeed),
          h5::text_attribute(file, layout::kStatus),     h5::text_attribute(file, layout::kMessage)};
}

std::string RunReader::config() const { return h5::text_attribute(h5::open_group(state_->file.id(), layout::kConfig).id(), layout::kResolved); }
std::vector<EvaluationRow> RunReader::evaluation() const { return read_items<EvaluationTable>(state_->file.id(), layout::kEvaluationRows); }
std::vector<StageUse> RunReader::stages() const { return read_items<StageTable>(state_->file.id(), layout::kStages); }
std::vector<PluginUse> RunReader::plugins() const { return read_items<PluginTable>(state_->file.id(), layout::kPlugins); }

std::optional<double> RunReader::scalar(const std::string& path) const {
  if (!h5::exists(state_->file.id(), path)) return std::nullopt;
  const std::vector<double> numbers = values(path);
  if (numbers.size() != 1) fail<DataError>(path, "holds {} numbers, expected a scalar", numbers.size());
  return numbers.front();
}

std::optional<std::string> RunReader::note(const std::string& group, const std::string& name) const {
  if (!h5::exists(state_->file.id(), group)) return std::nullopt;
  const H5Group opened = h5::open_group(state_->file.id(), group);
  return h5::has_attribute(opened.id(), name) ? std::optional(h5::text_attribute(opened.id(), name)) : std::nullopt;
}

std::vector<std::string> RunReader::datasets() const {
  std::vector<std::string> paths;
  collect_datasets(h5::open_group(state_->file.id(), "/").id(), "", paths);
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool RunReader::has(const std::string& path) const { return h5::exists(state_->file.id(), path); }

std::vector<std::string> RunReader::labels(const std::string& path) const {
  const H5Dataset dataset = h5::open_dataset(state_->file.id(), path);
  if (!h5::is_text(dataset.id())) fail<DataError>(path, "holds numbers, expected text");
  return h5::read_text(dataset.id());
}

std::vector<double> RunReader::values(const std::string& path) const {
  const H5Dataset dataset = h5::open_dataset(state_->file.id(), path);
  if (h5::is_text(dataset.id())) fail<DataError>(path, "holds text, expected numbers");
  const std::vector<std::size_t> sizes = shape(path);
  std::vector<double> numbers(std::accumulate(sizes.begin(), sizes.end(), std::size_t{1}, std::multiplies<>()));
  if (!numbers.empty()) h5::read(dataset.id(), H5T_NATIVE_DOUBLE, numbers.data());
  return numbers;
}

std::vector<std::size_t> RunReader::shape(const std::string& path) const {
  const std::vector<hsize_t> sizes = h5::shape_of(h5::open_dataset(state_->file.id(), path).id());
  return {sizes.begin(), sizes.end()};
}

}  // namespace symphony
