// The training loop inside a stage: what interruptions leave of the curves.
#include <catch2/catch.hpp>

#include <cmath>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/pipeline/text_stage.hpp"
#include "core/pipeline/training_run.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// A run of eight steps that is asked to stop before step `stop_before`, in the folder of those before it. Returns the steps that its history holds.
std::vector<std::int64_t> interrupted(const TemporaryFolder& folder, std::int64_t stop_before) {
  const StagePtr text = make_stage("text", 1, "text", 1, {}, {}, {});
  TrainingJob job;
  job.settings.steps = 8;
  job.settings.batch_size = 2;
  job.settings.sequence_length = 8;
  job.texts = {text};
  job.log_every = 1;
  RecordFile record = RecordFile::create(folder / "record.h5");
  std::int64_t next_step = 0;
  StageScope scope{folder.path(), folder.path(), record, [&](const Stage&) { return folder.path(); }, {},
                   [&](double share, const std::string&) { next_step = std::llround(share * 8.0); }, [&] { return next_step >= stop_before; }};
  LanguageModel model(random_model(tiny_spec({.vocab = 259}), 1), nullptr);
  CHECK_THROWS_AS(run_training(model, job, scope), Interrupted);
  const Value history = parse_json(read_text(folder / "history.json"), "history");
  std::vector<std::int64_t> steps;
  for (const Value& row : history.as_list()) steps.push_back(row.as_list().front().as_int());
  return steps;
}

}  // namespace

TEST_CASE("training run: a stop before the first step of a resumed run keeps the curve so far", "[core][pipeline]") {
  const TemporaryFolder folder;
  const std::string words = "some words to train on, some words to train on, some words to train on";
  const auto tokenizer = byte_tokenizer();
  write_token_stream(folder / "training.tokens", tokenize(*tokenizer, "d", TextPart::training, words));
  write_token_stream(folder / "held_out.tokens", tokenize(*tokenizer, "d", TextPart::held_out, words));
  CHECK(interrupted(folder, 3) == std::vector<std::int64_t>{0, 1, 2});
  CHECK(interrupted(folder, 0) == std::vector<std::int64_t>{0, 1, 2});
  CHECK(interrupted(folder, 5) == std::vector<std::int64_t>{0, 1, 2, 3, 4});
}
