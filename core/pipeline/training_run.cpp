// The training loop's surroundings inside a stage.
#include "core/pipeline/training_run.hpp"

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/seed.hpp"
#include "core/data/batch.hpp"
#include "core/log/series.hpp"
#include "core/pipeline/calibration.hpp"

namespace symphony {

namespace fs = std::filesystem;

namespace {

/// Optimiser steps between checkpoints: some seconds of the tiny model, minutes of a large one.
constexpr std::int64_t kCheckpointEvery = 100;

/// The rows of the training series. They are saved with the trainer's checkpoints, because the record itself starts anew with every attempt.
class History {
 public:
  History(const fs::path& file, RecordFile& record)
      : file_(file),
        series_(record, "series",
                {{"loss", "nats", "mean next-token cross-entropy of the batch, before the update"},
                 {"balance", "1", "routers' balance term, 1 at perfect balance; 0 without one"},
                 {"gradient_norm", "1", "global norm before clipping"},
                 {"learning_rate", "1", "of this step"}}),
        timing_(record, "timing", {{"tokens_per_second", "tokens/s", "pace of this step"}}) {}

  /// Brings back the rows before `first_step`, the step at which the trainer goes on.
  void restore(std::int64_t first_step) {
    if (!fs::exists(file_)) return;
    const Value rows = parse_json(read_text(file_), file_.string());
    for (const Value& row : rows.as_list())
      if (row.as_list().front().as_int() < first_step) keep(row);
  }

  void add(const StepReport& report) {
    keep(ValueList{report.step, report.loss, std::isnan(report.balance) ? 0.0 : report.balance, report.gradient_norm, report.learning_rate,
                   report.tokens_per_second});
  }

  void save() const { atomic_write(file_, to_json(Value(rows_))); }

  void finish() {
    series_.flush();
    timing_.flush();
  }

 private:
  void keep(const Value& row) {
    rows_.push_back(row);
    const ValueList& cells = row.as_list();
    const auto number = [&cells](std::size_t column) { return static_cast<float>(cells[column].as_double()); };
    const std::int64_t step = cells[0].as_int();
    series_.append(step, {number(1), number(2), number(3), number(4)});
    timing_.append(step, {number(5)});
  }

  fs::path file_;
  Series series_, timing_;
  ValueList rows_;
};

}  // namespace

void run_training(LanguageModel& model, const TrainingJob& job, StageScope& scope) {
  const BatchSource batches(Mixture::uniform(training_streams(job.texts, scope.input)), job.settings.batch_size, job.settings.sequence_length,
                            derive_seed(job.seed, "batches"));
  History history(scope.checkpoints / "history.json", scope.record);
  bool first = true;
  TrainHooks hooks;
  hooks.checkpoint = scope.checkpoints / "trainer.safetensors";
  hooks.checkpoint_every = kCheckpointEvery;
  hooks.seed = derive_seed(job.seed, "routing");
  hooks.dtype = job.dtype;
  // Before the trainer saves its state, so that a resumed run has every row. Before the first step nothing is restored yet, and what lies in the file
  // is what the trainer's checkpoint goes with.
  hooks.stop_requested = [&] {
    if (!scope.stop_requested()) return false;
    if (!first) history.save();
    return true;
  };
  hooks.on_step = [&](const StepReport& report) {
    if (std::exchange(first, false)) history.restore(report.step);
    const bool last = report.step + 1 == report.steps;
    if (report.step % job.log_every == 0 || last) history.add(report);
    if ((report.step + 1) % kCheckpointEvery == 0) history.save();
    scope.report(static_cast<double>(report.step + 1) / static_cast<double>(report.steps), progress_text(report));
  };
  const TrainOutcome outcome = train(model, [&batches](std::int64_t step) { return batches.at(step).tokens_BT; }, job.settings, hooks);
  if (!outcome.finished) throw Interrupted();
  history.finish();
}

}  // namespace symphony
