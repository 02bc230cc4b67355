// The training loop: it learns, it touches only what it should, it resumes bit for bit, it stops on nonsense.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <cmath>
#include <limits>

#include "core/base/error.hpp"
#include "core/train/checkpointing.hpp"
#include "core/train/trainable.hpp"
#include "core/train/trainer.hpp"
#include "tests/support/linear_router.hpp"
#include "tests/support/random_tokens.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr std::int64_t kExperts = 3;

LanguageModel tiny(bool moe = true, std::uint64_t seed = 1) {
  TinyOptions options;
  options.num_experts = moe ? kExperts : 0;
  const ModelSpec spec = tiny_spec(options);
  return LanguageModel(random_model(spec, seed), moe ? std::make_shared<LinearRouter>(2) : nullptr);
}

TrainSettings short_run(std::int64_t steps) {
  TrainSettings settings;
  settings.steps = steps;
  settings.batch_size = 4;
  settings.sequence_length = 12;
  return settings;
}

/// Sequences that count upwards: learnable in a few steps.
torch::Tensor counting_batch(std::int64_t step) {
  return (torch::arange(13, torch::kInt64).unsqueeze(0) + torch::arange(4, torch::kInt64).unsqueeze(1) * 11 + step * 7).remainder(61);
}

TensorMap snapshot(const LanguageModel& model) {
  TensorMap result;
  for (const auto& [name, tensor] : model.parameters()) result.emplace(name, tensor.clone());
  return result;
}

std::vector<std::string> changed(const TensorMap& before, const LanguageModel& after) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : before)
    if (!tensor.equal(after.parameters().at(name))) names.push_back(name);
  return names;
}

/// A file of its own for each test process, removed at the end.
struct TemporaryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("symphony_train_" + std::to_string(getpid()) + ".safetensors");
  TemporaryFile() { std::filesystem::remove(path); }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

}  // namespace

TEST_CASE("trainer: the loss of a counting task falls, and reports say how it goes", "[core][train]") {
  LanguageModel model = tiny(GENERATE(false, true));
  std::vector<StepReport> reports;
  TrainHooks hooks;
  hooks.on_step = [&](const StepReport& report) { reports.push_back(report); };
  const TrainOutcome outcome = train(model, counting_batch, short_run(60), hooks);
  CHECK(outcome.finished);
  CHECK(outcome.steps_done == 60);
  REQUIRE(reports.size() == 60);
  CHECK(reports.front().loss > 3.5);
  CHECK(outcome.last_loss < 0.5 * reports.front().loss);
  CHECK(reports.back().loss == outcome.last_loss);
  CHECK(std::isnan(reports.front().balance) == !model.spec().moe.has_value());
  CHECK(reports.front().gradient_norm > 0.0);
  CHECK_THAT(progress_text(reports.back()), Catch::StartsWith("step 60/60, loss "));
  for (const auto& [name, tensor] : model.parameters()) CHECK_FALSE(tensor.requires_grad());
}

TEST_CASE("trainer: only the named parts change", "[core][train]") {
  LanguageModel model = tiny();
  const TensorMap before = snapshot(model);
  TrainSettings settings = short_run(2);
  std::vector<std::string> expected;
  const auto expect = [&](const auto& belongs) {
    for (const auto& [name, tensor] : before)
      if (belongs(name)) expected.push_back(name);
  };
  const auto has = [](const std::string& name, const char* part) { return name.find(part) != std::string::npos; };
  const std::string parts = GENERATE(as<std::string>{}, "router", "experts and norms", "backbone", "embeddings", "all");
  CAPTURE(parts);
  if (parts == "router") {
    settings.train = {"router"};
    expect([&](const std::string& name) { return has(name, ".router."); });
  } else if (parts == "experts and norms") {
    settings.train = {"experts", "norms"};
    expect([&](const std::string& name) { return has(name, ".experts.") || has(name, "norm.weight"); });
  } else if (parts == "backbone") {
    settings.train = {"backbone"};
    expect([&](const std::string& name) { return !has(name, ".mlp."); });
  } else if (parts == "embeddings") {
    settings.train = {"embeddings"};
    expect([&](const std::string& name) { return has(name, "embed_tokens") || has(name, "lm_head"); });
  } else {
    expect([&](const std::string&) { return true; });
  }
  train(model, counting_batch, settings);
  CHECK(changed(before, model) == expected);
}

TEST_CASE("trainer: stopped and resumed it gives the bits of an uninterrupted run", "[core][train]") {
  const TemporaryFile file;
  LanguageModel whole = tiny();
  std::vector<double> whole_losses, resumed_losses;
  TrainHooks hooks;
  hooks.seed = 5;
  hooks.on_step = [&](const StepReport& report) { whole_losses.push_back(report.loss); };
  train(whole, counting_batch, short_run(20), hooks);

  hooks.checkpoint = file.path;
  hooks.on_step = [&](const StepReport& report) { resumed_losses.push_back(report.loss); };
  LanguageModel first = tiny(), second = tiny();
  SECTION("by request") {
    hooks.stop_requested = [&] { return resumed_losses.size() == 10; };
    const TrainOutcome stopped = train(first, counting_batch, short_run(20), hooks);
    CHECK_FALSE(stopped.finished);
    CHECK(stopped.steps_done == 10);
    hooks.stop_requested = nullptr;
  }
  SECTION("by an exception after a periodic checkpoint, whose later steps are lost") {
    hooks.checkpoint_every = 5;
    const auto failing = [&](std::int64_t step) -> torch::Tensor {
      if (step == 12) throw DataError("disk gone");
      return counting_batch(step);
    };
    CHECK_THROWS_AS(train(first, failing, short_run(20), hooks), DataError);
    resumed_losses.resize(10);
  }
  const TrainOutcome resumed = train(second, counting_batch, short_run(20), hooks);
  CHECK(resumed.finished);
  CHECK(resumed_losses == whole_losses);
  CHECK(changed(snapshot(whole), second).empty());
}

TEST_CASE("trainer: a checkpoint of other settings or another seed is refused", "[core][train]") {
  const TemporaryFile file;
  TrainHooks hooks;
  hooks.checkpoint = file.path;
  int polls = 0;
  hooks.stop_requested = [&] { return polls++ == 2; };
  LanguageModel model = tiny();
  train(model, counting_batch, short_run(5), hooks);
  TrainSettings other = short_run(5);
  const bool other_settings = GENERATE(true, false);
  CAPTURE(other_settings);
  if (other_settings) other.learning_rate = 1e-3;
  else hooks.seed = 9;
  CHECK_THROWS_WITH(train(model, counting_batch, other, hooks), Catch::Contains("belongs to another training run"));
}

TEST_CASE("trainer: the same run twice gives the same bits", "[core][train]") {
  LanguageModel left = tiny(), right = tiny();
  train(left, counting_batch, short_run(5));
  train(right, counting_batch, short_run(5));
  CHECK(changed(snapshot(left), right).empty());
}

TEST_CASE("trainer: a loss that is not a number stops the run and names the step", "[core][train]") {
  LanguageModel model = tiny(false);
  TrainHooks hooks;
  hooks.on_step = [&](const StepReport& report) {
    if (report.step == 2) {
      const torch::NoGradGuard no_grad;
      torch::Tensor(model.parameters().at("model.norm.weight")).fill_(std::numeric_limits<float>::quiet_NaN());
    }
  };
  CHECK_THROWS_AS(train(model, counting_batch, short_run(5), hooks), NumericError);
  CHECK_THROWS_WITH(train(model, counting_batch, short_run(5), hooks), "training: the loss of step 0 is nan, expected a finite number");
}

TEST_CASE("trainer: wrong batches and parts are refused", "[core][train]") {
  LanguageModel model = tiny(false);
  CHECK_THROWS_WITH(train(model, [](std::int64_t) { return torch::zeros({4, 12}, torch::kInt64); }, short_run(2)),
                    "training: the batch of step 0 has shape [4, 12], expected [4, 13] (batch_size, sequence_length + 1)");
  TrainSettings settings = short_run(2);
  settings.train = {"router"};
  CHECK_THROWS_WITH(train(model, counting_batch, settings), Catch::Contains("part 'router' has no parameters in this model"));
  settings.train = {"expert"};
  CHECK_THROWS_WITH(train(model, counting_batch, settings), Catch::Contains("did you mean 'experts'"));
}

TEST_CASE("trainer: passes in bfloat16 train float32 parameters", "[core][train]") {
  LanguageModel model = tiny();
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.dtype = torch::kBFloat16;
  hooks.on_step = [&](const StepReport& report) { losses.push_back(report.loss); };
  TrainSettings settings = short_run(40);
  settings.learning_rate = 1e-2;
  train(model, counting_batch, settings, hooks);
  CHECK(losses.back() < 0.7 * losses.front());
  for (const auto& [name, tensor] : model.parameters()) {
    CAPTURE(name);
    CHECK(tensor.scalar_type() == torch::kFloat32);
    CHECK_FALSE(tensor.equal(tensor.to(torch::kBFloat16).to(torch::kFloat32)));  // more than bfloat16 can hold
  }
}
