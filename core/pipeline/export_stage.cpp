// Writing a model, tensor by tensor.
#include "core/pipeline/export_stage.hpp"

#include "core/base/error.hpp"
#include "core/model/checkpoint.hpp"
#include "core/pipeline/byte_progress.hpp"
#include "core/pipeline/stage_cost.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 1;

std::optional<torch::ScalarType> written_type(const std::string& name) {
  if (name == "float32") return torch::kFloat32;
  if (name == "float16") return torch::kFloat16;
  if (name == "bfloat16") return torch::kBFloat16;
  return {};
}

CheckpointFormat format_of(const ExportSettings& settings) {
  return {settings.family, settings.experts == "packed" ? ExpertLayout::packed : ExpertLayout::separate, written_type(settings.dtype),
          static_cast<std::uint64_t>(settings.file_gigabytes * 1e9)};
}

}  // namespace

StagePtr make_export(const StageBuilder& builder, const ModelHandle& model, const ExportSettings& settings) {
  try {
    family_to_write(model.spec, settings.family, "export");
  } catch (const DataError& error) {
    throw ConfigError(error.what());  // what is asked for, not what was read, is wrong
  }
  Value parameters = ValueMap{};
  parameters.set("settings", Schema::of<ExportSettings>()->read(&settings));
  const auto run = [builder, model, settings](StageScope& scope) {
    const torch::NoGradGuard no_grad;
    write_checkpoint(scope.directory / kExportedFolder, model.load(scope.input), checkpoint_extras(model), format_of(settings), byte_progress(scope));
  };
  StageCost cost = assembly_cost(model.spec, 1, 0);
  cost.kept_bytes = model_bytes(model.spec);
  return make_stage("export", kRevision, "export", std::move(parameters), {model.stage}, builder.environment, run, cost);
}

}  // namespace symphony
