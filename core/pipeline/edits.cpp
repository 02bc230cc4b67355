// Edits by index: edit.{i}.safetensors, absent for one that learns nothing.
#include "core/pipeline/edits.hpp"

#include <algorithm>

#include "core/pipeline/alignment_stage.hpp"
#include "core/pipeline/silent_recorder.hpp"
#include "core/plugin/edit.hpp"
#include "core/tensor/safetensors.hpp"
#include "core/tensor/tensor_sink.hpp"

namespace symphony {

namespace {

std::filesystem::path learned_path(const std::filesystem::path& folder, std::size_t index) { return folder / fmt::format("edit.{}.safetensors", index); }

EditProblem problem_of(const StageBuilder& builder, const Model& model, const EditSetting& setting) {
  EditProblem problem{model, setting.aligned, anchor_index(*builder.experiment), setting.expert_sources, nullptr, {}, {}};
  if (model.spec.moe) problem.router = builder.router_for(model.spec);
  return problem;
}

/// Of the edit in this place of the list. A method that is listed again draws anew.
Context edit_context(const StageBuilder& builder, std::size_t index, Recorder& recorder) {
  const std::vector<Method>& edits = builder.experiment->edits;
  const std::string& name = edits[index].name;
  const auto end = edits.begin() + static_cast<std::ptrdiff_t>(index);
  const auto before = std::count_if(edits.begin(), end, [&](const Method& edit) { return edit.name == name; });
  Context context;
  context.seed = builder.seed(before == 0 ? "edit " + name : fmt::format("edit {} {}", name, before));
  context.recorder = &recorder;
  return context;
}

}  // namespace

Model fit_edits(const StageBuilder& builder, Model model, const EditSetting& setting, StageScope& scope) {
  for (std::size_t index = 0; index < builder.experiment->edits.size(); ++index) {
    const Method& method = builder.experiment->edits[index];
    const auto edit = builder.registry.create<Edit>(method);
    const Context context = edit_context(builder, index, scope.record);
    EditProblem problem = problem_of(builder, model, setting);
    if (edit->needs_tokens()) problem.tokens_NT = setting.calibration_tokens();
    problem.fitted = edit->fit(problem, context);
    if (!problem.fitted.empty()) {
      SafetensorsSink sink(learned_path(scope.directory, index));
      copy_tensors(MemorySource(problem.fitted, "edit"), sink);
    }
    Model edited = edit->edit(problem, context);
    model = std::move(edited);
  }
  return model;
}

Model apply_edits(const StageBuilder& builder, Model model, const EditSetting& setting, const std::filesystem::path& folder) {
  SilentRecorder silent;
  for (std::size_t index = 0; index < builder.experiment->edits.size(); ++index) {
    const Method& method = builder.experiment->edits[index];
    EditProblem problem = problem_of(builder, model, setting);
    if (std::filesystem::exists(learned_path(folder, index))) problem.fitted = load_all(SafetensorsSource(learned_path(folder, index)));
    Model edited = builder.registry.create<Edit>(method)->edit(problem, edit_context(builder, index, silent));
    model = std::move(edited);
  }
  return model;
}

}  // namespace symphony
