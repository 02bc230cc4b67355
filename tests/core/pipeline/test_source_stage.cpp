// Sources: what a start brings along, and starts that cannot be trained on.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/model/checkpoint.hpp"
#include "core/model/tokenizer_config.hpp"
#include "core/pipeline/source_stage.hpp"
#include "tests/plugins/plugin_fixture.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"
#include "tests/support/tiny_tokenizer.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

/// A source of one domain that starts from the checkpoint.
ModelHandle continued(const std::string& directory) {
  auto experiment = std::make_shared<Experiment>();
  DomainRecipe text;
  text.command = {"/bin/echo", "text"};
  experiment->domains.emplace_back("d", text);
  experiment->recipes.emplace_back("r", Recipe{});
  SourceModel source;
  source.train = TrainedSource{"d", "r", {}, {}, StartSettings{"all", 0, directory}};
  experiment->sources.models.emplace_back("s", source);
  TextCatalogue texts;
  return make_source({experiment, plugin_registry(), {}}, "s", texts);
}

}  // namespace

TEST_CASE("source: one that continues a checkpoint has its shape, tokenizer and special tokens", "[core][pipeline]") {
  const TemporaryFolder folder;
  const auto tokenizer = tiny_tokenizer({"ab"}, {"<s>"});
  const ModelSpec spec = tiny_spec({.layers = 3, .vocab = tokenizer->vocab_size()});
  write_checkpoint(folder / "m", random_model(spec, 1), {tokenizer->to_json(), {1, 2, {3, 4}}});
  const ModelHandle source = continued((folder / "m").string());
  CHECK(source.label == "s");
  CHECK(source.stage->label == "training s");
  CHECK(source.spec.num_layers == 3);
  CHECK(source.spec.vocab_size == tokenizer->vocab_size());
  CHECK(source.tokenizer->spec() == tokenizer->spec());
  CHECK(source.token_ids == SpecialTokenIds{1, 2, {3, 4}});
  CHECK(checkpoint_extras(source).token_ids == source.token_ids);
}

TEST_CASE("source: a checkpoint brings its chat template and the ends that only its generation_config names", "[core][pipeline]") {
  const TemporaryFolder folder;
  const auto tokenizer = tiny_tokenizer({"ab"}, {"<s>", "</s>", "<|im_end|>"});
  const auto id = [&](const std::string& token) { return tokenizer->encode(token, SpecialText::token).front(); };
  CheckpointExtras extras;
  extras.tokenizer_json = tokenizer->to_json();
  extras.token_ids.bos = id("<s>");
  extras.token_ids.eos = {id("</s>")};
  extras.tokenizer_config = ValueMap{{"eos_token", "<|im_end|>"}, {"chat_template", "{{ messages }}"}};
  write_checkpoint(folder / "m", random_model(tiny_spec({.vocab = tokenizer->vocab_size()}), 1), extras);
  atomic_write(folder / "m/generation_config.json", fmt::format(R"({{"eos_token_id": [{}, {}]}})", id("<|im_end|>"), id("</s>")));
  const ModelHandle source = continued((folder / "m").string());
  CHECK(source.token_ids.eos == std::vector<std::int64_t>{id("</s>"), id("<|im_end|>")});
  write_checkpoint(folder / "again", random_model(source.spec, 2), checkpoint_extras(source));
  const Value config = parse_json(read_text(folder / "again/tokenizer_config.json"), "test");
  CHECK(*config.find("chat_template") == Value("{{ messages }}"));
  CHECK(*config.find("eos_token") == Value("<|im_end|>"));
  CHECK(*config.find("bos_token") == Value("<s>"));  // by its id
  CHECK(config.find("pad_token") == nullptr);
  CHECK(*config.find("tokenizer_class") == Value("PreTrainedTokenizerFast"));
}

TEST_CASE("source: a template beside tokenizer_config.json is kept, and another file than a map is refused", "[core][pipeline]") {
  const TemporaryFolder folder;
  CHECK(read_tokenizer_config(folder.path()) == Value(ValueMap{}));
  atomic_write(folder / "chat_template.jinja", "beside");
  atomic_write(folder / "tokenizer_config.json", R"({"eos_token": {"content": "</s>", "special": true}, "unk_token": null, "model_max_length": 7})");
  CHECK(read_tokenizer_config(folder.path()) == Value(ValueMap{{"eos_token", "</s>"}, {"chat_template", "beside"}}));
  atomic_write(folder / "tokenizer_config.json", "[]");
  CHECK_THROWS_WITH(read_tokenizer_config(folder.path()), Catch::Contains("tokenizer_config.json: is an empty list, expected a map") || Catch::Contains("expected a map"));
}

TEST_CASE("source: a start that is no dense model is refused", "[core][pipeline]") {
  const TemporaryFolder folder;
  write_checkpoint(folder / "m", random_model(tiny_spec({.vocab = 300, .num_experts = 4}), 1), {byte_tokenizer()->to_json(), {}});
  const std::string directory = (folder / "m").string();
  CHECK_THROWS_WITH(continued(directory), "sources.models.s: the start '" + directory + "' is a Mixture-of-Experts of 4 experts, expected a dense model");
}
