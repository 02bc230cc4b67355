// Reading, tokenising and storing the text of one domain.
#include "core/pipeline/text_stage.hpp"

#include "core/base/hash.hpp"
#include "core/base/json.hpp"
#include "core/data/domain.hpp"
#include "core/data/domain_inputs.hpp"
#include "core/pipeline/stage_cost.hpp"

namespace symphony {

namespace {

constexpr int kRevision = 1;

const DomainRecipe& recipe_of(const Experiment& experiment, const std::string& domain) {
  for (const auto& [name, recipe] : experiment.domains)
    if (name == domain) return recipe;
  fail<ConfigError>("domains", "no domain '{}'", domain);
}

constexpr const char* kTrainingFile = "training.tokens";
constexpr const char* kHeldOutFile = "held_out.tokens";

StagePtr make_text_stage(const std::string& domain, const DomainRecipe& recipe, Value recipe_value, Value inputs,
                         const std::shared_ptr<const Tokenizer>& tokenizer, const std::string& tokenizer_hash) {
  Value parameters = ValueMap{};
  // A recipe without arithmetic keeps the key that it had before there was any: sources trained on its text are not trained again.
  std::erase_if(recipe_value.as_map(), [](const auto& entry) { return entry.first == "arithmetic" && entry.second.is_null(); });
  parameters.set("recipe", std::move(recipe_value));
  parameters.set("inputs", std::move(inputs));
  parameters.set("tokenizer", tokenizer_hash);
  const auto run = [domain, recipe, tokenizer](StageScope& scope) {
    scope.progress(0.0, "reading");
    const DomainText text = read_domain(domain, recipe);
    write_token_stream(scope.directory / kTrainingFile, tokenize(*tokenizer, domain, TextPart::training, text.training));
    write_token_stream(scope.directory / kHeldOutFile, tokenize(*tokenizer, domain, TextPart::held_out, text.held_out));
    scope.record.note("sha256", text.sha256);
    scope.record.scalar({"training_bytes", "bytes", "cleaned text that sources may be trained on"}, static_cast<double>(text.training.size()));
    scope.record.scalar({"held_out_bytes", "bytes", "cleaned text kept for evaluation"}, static_cast<double>(text.held_out.size()));
    if (!tokenizer->missing_bytes().empty())
      scope.record.scalar({"missing_bytes", "bytes", "of this text that the tokenizer has no token for; no model sees them, no figure counts them"},
                          static_cast<double>(num_missing_bytes(*tokenizer, text.training) + num_missing_bytes(*tokenizer, text.held_out)));
    scope.record.scalar({"files", "1", "files that the text was taken from"}, static_cast<double>(text.num_files));
  };
  return make_stage("text", kRevision, fmt::format("text '{}'", domain), std::move(parameters), {}, NumericEnvironment{}, run, text_cost());
}

}  // namespace

std::shared_ptr<const Tokenizer> trained_tokenizer() {
  static const std::shared_ptr<const Tokenizer> bytes = byte_tokenizer();
  return bytes;
}

const std::string& TextCatalogue::tokenizer_hash(const std::shared_ptr<const Tokenizer>& tokenizer) {
  std::string& hash = hashes_[tokenizer];
  if (hash.empty()) hash = sha256_hex(tokenizer->to_json());
  return hash;
}

StagePtr TextCatalogue::stage(const Experiment& experiment, const std::string& domain, const std::shared_ptr<const Tokenizer>& tokenizer) {
  const DomainRecipe& recipe = recipe_of(experiment, domain);
  Value value = Schema::of<DomainRecipe>()->read(&recipe);
  StagePtr& stage = stages_[domain + to_json(value) + tokenizer_hash(tokenizer)];
  if (stage) return stage;
  Value inputs;
  try {
    inputs = domain_inputs(domain, recipe);
  } catch (const DataError& error) {
    missing_.emplace_back(error.what());
    inputs = "missing";
  }
  return stage = make_text_stage(domain, recipe, std::move(value), std::move(inputs), tokenizer, tokenizer_hash(tokenizer));
}

DomainStreams load_text(const std::filesystem::path& folder) {
  return {read_token_stream(folder / kTrainingFile), read_token_stream(folder / kHeldOutFile)};
}

}  // namespace symphony
