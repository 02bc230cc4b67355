// See the header and results/README.md.
#include "core/log/run_file.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/log/copy_tree.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"
#include "core/log/run_schema.hpp"
#include "core/log/tables.hpp"

namespace symphony {

struct RunFile::State {
  H5File file;
};

namespace {

void append_pairs(hid_t file, const std::string& path, std::span<const TableColumn> columns,
                  std::span<const std::pair<std::string, std::string>> pairs) {
  std::vector<TableRow> rows;
  for (const auto& [first, second] : pairs) rows.push_back({first, second});
  append_rows(file, path, columns, rows);
}

void write_root(hid_t file, const RunInfo& info) {
  h5::set_attribute(file, layout::kSchema, layout::kRunSchema);
  h5::set_attribute(file, layout::kSchemaVersion, std::int64_t{layout::kVersion});
  h5::set_attribute(file, layout::kStatus, "running");
  h5::set_attribute(file, layout::kRunId, info.run_id);
  h5::set_attribute(file, layout::kExperiment, info.experiment);
  h5::set_attribute(file, layout::kVariant, info.variant);
  h5::set_attribute(file, layout::kSeed, info.seed);
  h5::set_attribute(file, layout::kMessage, "");
}

void write_config(hid_t file, const RunInfo& info) {
  const H5Group group = h5::require_group(file, layout::kConfig);
  h5::set_attribute(group.id(), layout::kResolved, info.config);
  h5::set_attribute(group.id(), layout::kConfigHash, info.config_hash);
  append_pairs(file, layout::kOrigins, OriginTable::columns(), info.origins);
}

void write_provenance(hid_t file, const Provenance& provenance) {
  const H5Group group = h5::require_group(file, layout::kProvenance);
  const Environment& environment = provenance.environment;
  const std::pair<const char*, std::string> texts[] = {
      {layout::kCommandLine, join(provenance.command_line, " ")},
      {layout::kWorkingDirectory, provenance.working_directory},
      {layout::kGitRevision, provenance.git_revision},
      {layout::kGitState, provenance.git_state},
      {layout::kDevice, provenance.device},
      {layout::kStartTime, provenance.start_time},
      {layout::kEndTime, ""},
      {layout::kBuildType, environment.build_type},
      {layout::kCompiler, environment.compiler},
      {layout::kHost, environment.host},
      {layout::kCpuModel, environment.cpu_model},
      {layout::kKernel, environment.kernel},
      {layout::kBlas, environment.blas},
  };
  for (const auto& [name, text] : texts) h5::set_attribute(group.id(), name, text);
  h5::set_attribute(group.id(), layout::kThreads, provenance.threads);
  h5::set_attribute(group.id(), layout::kCpuCount, environment.cpu_count);
  h5::set_attribute(group.id(), layout::kBlasParallel, environment.blas_parallel);
  append_pairs(file, layout::kLibraries, LibraryTable::columns(), environment.libraries);
  append_items<PluginTable>(file, layout::kPlugins, std::span<const PluginUse>(provenance.plugins));
  append_items<SeedTable>(file, layout::kSeeds, std::span<const SeedUse>(provenance.seeds));
  append_items<StageTable>(file, layout::kStages, std::span<const StageUse>());
}

}  // namespace

RunFile::RunFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunFile::RunFile(RunFile&&) noexcept = default;
RunFile& RunFile::operator=(RunFile&&) noexcept = default;
RunFile::~RunFile() = default;

RunFile RunFile::create(const std::filesystem::path& path, const RunInfo& info) {
  auto state = std::make_unique<State>(State{h5::create_file(path)});
  const hid_t file = state->file.id();
  write_root(file, info);
  write_config(file, info);
  write_provenance(file, info.provenance);
  append_items<EvaluationTable>(file, layout::kEvaluationRows, std::span<const EvaluationRow>());
  h5::flush(file);
  return RunFile(std::move(state));
}

RunFile RunFile::append(const std::filesystem::path& path) {
  auto state = std::make_unique<State>(State{h5::open_file(path, h5::Access::append)});
  check_run_schema(state->file.id(), path);
  h5::set_attribute(state->file.id(), layout::kStatus, "running");
  h5::flush(state->file.id());
  return RunFile(std::move(state));
}

void RunFile::absorb(const std::filesystem::path& record, const std::string& group) {
  const H5File source = h5::open_file(record, h5::Access::read);
  if (h5::exists(state_->file.id(), group)) fail<DataError>(group, "the run already holds this group; every record is absorbed once");
  const H5Group from = h5::open_group(source.id(), "/");
  const H5Group to = h5::require_group(state_->file.id(), group);
  copy_tree(from.id(), to.id(), layout::kRows);
}

void RunFile::add_evaluation(std::span<const EvaluationRow> rows) { append_items<EvaluationTable>(state_->file.id(), layout::kEvaluationRows, rows); }

void RunFile::add_stage(const StageUse& stage) {
  append_items<StageTable>(state_->file.id(), layout::kStages, std::span<const StageUse>(&stage, 1));
}

void RunFile::add_plugin(const PluginUse& plugin) {
  append_items<PluginTable>(state_->file.id(), layout::kPlugins, std::span<const PluginUse>(&plugin, 1));
}

void RunFile::flush() { h5::flush(state_->file.id()); }

void RunFile::finish(std::string_view status, std::string_view message) {
  h5::set_attribute(state_->file.id(), layout::kStatus, status);
  h5::set_attribute(state_->file.id(), layout::kMessage, message);
  const H5Group provenance = h5::open_group(state_->file.id(), layout::kProvenance);
  h5::set_attribute(provenance.id(), layout::kEndTime, utc_now());
  h5::flush(state_->file.id());
}

}  // namespace symphony
