// Writes the sample; the numbers are simple functions of their indices, so that the Python tests can say what they expect.
#include "sample_run.hpp"

#include <catch2/catch.hpp>

#include "core/log/activations.hpp"
#include "core/log/index_file.hpp"
#include "core/log/record_file.hpp"
#include "core/log/series.hpp"
#include "core/log/status_file.hpp"

using namespace symphony;

RunInfo sample_info(const std::string& run_id, const std::string& variant) {
  RunInfo info;
  info.run_id = run_id;
  info.experiment = "sample";
  info.variant = variant;
  info.seed = 1;
  info.config = "name: sample\nseeds: [1]\n";
  info.config_hash = "c0ffee";
  info.origins = {{"name", "sample.yaml:1:7"}, {"seeds", "command line"}};
  info.provenance.command_line = {"runner", "--exp", "sample.yaml"};
  info.provenance.working_directory = "/tmp";
  info.provenance.git_revision = "0123456789abcdef";
  info.provenance.git_state = "clean";
  info.provenance.start_time = "2026-01-02T03:04:05Z";
  info.provenance.environment = collect_environment();
  info.provenance.plugins = {{"fusion.slerp", 1, "slerp.so", "abc"}, {"router.top_k", 2, "top_k.so", "def"}};
  info.provenance.seeds = {{"root", 1}, {"training/router", 18446744073709551615U}};
  return info;
}

namespace {

void record_alignment(const std::filesystem::path& path) {
  RecordFile file = RecordFile::create(path);
  const RecordAxis layer{"layer", 3, {}, {}};
  const RecordAxis source{"source", 2, {"code", "scripture"}, {}};
  const std::vector<float> cost{0, 1, 2, 3, 4, 5};
  file.array({"ffn/cost", "1", "assignment objective"}, std::vector<RecordAxis>{layer, source}, cost);
  file.array({"ffn/moved", "1", "share of neurons that moved"}, std::vector<RecordAxis>{layer, source}, cost);
  file.scalar({"max_relative_change", "1", "max|dlogit| / max|logit| of the aligned source"}, 3e-6);
  file.note("method", "activation_matching");
  file.note("ffn/kind", "permutation");
}

void record_training(const std::filesystem::path& path) {
  RecordFile file = RecordFile::create(path);
  Series series(file, "series", {{"loss", "nats", "mean cross-entropy"}, {"learning_rate", "1", "of AdamW"}});
  for (int step = 0; step < 30; step += 10) series.append(step, {3.0F - 0.1F * static_cast<float>(step), 1e-3F});
  series.flush();
  Series timing(file, "timing", {{"tokens_per_second", "tokens/s", "pace of the step"}});
  timing.append(0, {1000.0F});
  timing.flush();
}

void record_evaluation(const std::filesystem::path& path) {
  RecordFile file = RecordFile::create(path);
  const std::vector<EvaluationRow> rows{
      {"model", "", "bits_per_byte", 1, "code", "bits_per_byte", 2.25, 0.01, 64, "bits", "lower"},
      {"model", "", "routing", 1, "layer 0", "entropy", 0.5, std::nan(""), 0, "nats", "neither"}};
  record_evaluation_rows(file, rows);
  const std::vector<float> load{0.25F, 0.75F, 0.5F, 0.5F};
  const std::vector<RecordAxis> axes{{"layer", 2, {}, {}}, {"expert", 2, {"code", "scripture"}, {}}};
  file.array({"routing/load", "1", "share of tokens"}, axes, load);
  file.note("routing/window_hash", R"({"code":"c0ffee"})");
  const std::vector<RecordAxis> single{{"average", 1, {"all"}, {}}};
  file.array({"routing/mean_load", "1", "mean share"}, single, std::vector<float>{0.5F});
  ActivationLog activations(file, "activations", {{{"ffn_hidden", 4}, {"residual", 2}, {"ffn_gate", 2, {5}, {"0 code", "1 scripture"}}, {"router_choices", 1, {}, {}, true}}, {0, 5}, {"code", "scripture"}, 3, true});
  for (std::size_t domain = 0; domain < 2; ++domain) {
    activations.token_ids(domain, std::vector<std::int64_t>{65, 66, 67, 68});
    for (std::size_t layer = 0; layer < 2; ++layer) {
      std::vector<float> hidden_TF, residual_TF;
      for (int index = 0; index < 16; ++index) hidden_TF.push_back(static_cast<float>(index) + 100.0F * static_cast<float>(layer));
      for (int index = 0; index < 8; ++index) residual_TF.push_back(static_cast<float>(index % 2) * static_cast<float>(domain + 1));
      activations.add({0, 5 * layer, domain}, hidden_TF, 0);
      activations.add({1, 5 * layer, domain}, residual_TF, 0);
    }
  }
  activations.add({2, 5, 0, 1}, std::vector<float>{1, 2, 3, 4}, std::vector<std::int64_t>{0, 2});
  activations.add({3, 0, 0}, std::vector<float>{1, 0, 1}, 0);
  activations.finish();
}

void record_rival(const std::filesystem::path& path) {
  RecordFile file = RecordFile::create(path);
  file.array({"bits", "bits", "by domain"}, std::vector<RecordAxis>{{"domain", 2, {"code", "scripture"}, {}}}, std::vector<float>{2, 3});
  file.note("window_hash", R"({"code":"c0ffee"})");
}

}  // namespace

void write_sample_run(const std::filesystem::path& folder, const std::string& run_id, const std::string& variant) {
  const std::filesystem::path run_folder = folder / run_id;
  std::filesystem::create_directories(run_folder);
  record_alignment(run_folder / "alignment.h5");
  record_training(run_folder / "training.h5");
  record_evaluation(run_folder / "evaluation.h5");
  record_rival(run_folder / "rival.h5");
  RunFile run = RunFile::create(run_folder / "run.h5", sample_info(run_id, variant));
  run.absorb(run_folder / "alignment.h5", "alignment");
  run.add_stage({"align", "k1", true, 0.5, 0.25});
  run.absorb(run_folder / "alignment.h5", "assembly");
  run.absorb(run_folder / "training.h5", "sources/code");
  run.absorb(run_folder / "rival.h5", "rivals/ensemble/bits_per_byte");
  run.absorb(run_folder / "training.h5", "training/router");
  run.add_stage({"train router", "k2", false, 1.5, 1.25});
  run.absorb(run_folder / "evaluation.h5", "evaluation/step_0");
  std::vector<EvaluationRow> rows = read_evaluation_rows(run_folder / "evaluation.h5");
  for (EvaluationRow& row : rows) row.moment = "step_0";
  run.add_evaluation(rows);
  run.finish("finished");
  write_status(run_folder / "status.json", {"finished", run_id, "", "", "", 0, ""});
}

TEST_CASE("log: write the sample sweep for tests/analysis", "[.][sample]") {
  const std::filesystem::path folder = std::filesystem::path(SYMPHONY_BINARY_DIR) / "sample";
  std::filesystem::remove_all(folder);
  write_sample_run(folder, "none-s1", "none");
  write_sample_run(folder, "ffn-s1", "ffn");
  const std::vector<IndexEntry> runs = find_runs(folder);
  write_index(folder / "index.h5", runs);
  CHECK(runs.size() == 2);
}
