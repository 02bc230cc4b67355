// runner generate DIR: continues a text with a checkpoint, and prints it as it comes.
#include <algorithm>
#include <iostream>

#include "core/app/command.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/data/tokenizer.hpp"
#include "core/model/checkpoint.hpp"
#include "core/model/language_model.hpp"
#include "core/pipeline/environment.hpp"
#include "core/score/generation.hpp"

namespace symphony {

namespace {

namespace po = boost::program_options;

constexpr const char* kWho = "runner generate";

std::shared_ptr<const Tokenizer> tokenizer_of(const std::filesystem::path& directory, const ModelSpec& spec) {
  auto tokenizer = load_model_tokenizer(directory);
  if (!tokenizer) fail<DataError>(directory.string(), "has no tokenizer.json, which turns the prompt into tokens");
  if (tokenizer->vocab_size() > spec.vocab_size)
    fail<DataError>(directory.string(), "the tokenizer has {} tokens, but the model has rows for {}", tokenizer->vocab_size(), spec.vocab_size);
  return tokenizer;
}

void note_missing_bytes(const Tokenizer& tokenizer, const std::string& prompt) {
  const std::size_t missing = num_missing_bytes(tokenizer, prompt);
  if (missing > 0) fmt::print(stderr, "note: the tokenizer has no token for {} of the prompt's {} bytes; the model does not see them\n", missing, prompt.size());
}

/// The prompt's tokens, in which special tokens may be named, framed as the tokenizer's template asks; BOS stands for an empty prompt.
std::vector<std::int64_t> prompt_tokens(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::int64_t> tokens = tokenizer.framed(tokenizer.encode(text, SpecialText::token));
  if (tokens.empty() && tokenizer.special().bos) tokens.push_back(*tokenizer.special().bos);
  if (tokens.empty()) fail<ConfigError>(kWho, "the prompt is empty and the tokenizer has no BOS, expected --prompt TEXT");
  return tokens;
}

/// Prints what each token adds to the text; a token may end within a character.
class TextPrinter {
 public:
  explicit TextPrinter(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  void add(std::int64_t token) {
    tokens_.push_back(token);
    const std::string text = tokenizer_.decode(tokens_);
    if (text.size() > printed_) std::cout << std::string_view(text).substr(printed_) << std::flush;
    printed_ = std::max(printed_, text.size());
  }

 private:
  const Tokenizer& tokenizer_;
  std::vector<std::int64_t> tokens_;
  std::size_t printed_ = 0;
};

/// Weights and computation. Throws ConfigError for other names, and for a device that this machine lacks.
torch::Device device_named(const std::string& name) {
  if (name != "cpu" && name != "cuda") fail<ConfigError>(kWho, "--device is {}, expected cpu or cuda", quoted(name));
  if (const std::string missing = missing_on_machine(name); !missing.empty()) fail<ConfigError>(kWho, "--device is {}, but {}", quoted(name), missing);
  return torch::Device(name);
}

torch::ScalarType dtype_named(const std::string& name) {
  if (name != "float32" && name != "bfloat16") fail<ConfigError>(kWho, "--dtype is {}, expected float32 or bfloat16", quoted(name));
  return name == "bfloat16" ? torch::kBFloat16 : torch::kFloat32;
}

int run(const Command& self, const std::vector<std::string>& args) {
  SamplingSettings settings;
  std::int64_t threads = 1;
  std::string device, dtype;
  po::options_description options("options");
  options.add_options()("checkpoint", po::value<std::string>()->value_name("DIR"), "a Hugging Face model directory")
      ("prompt", po::value<std::string>()->value_name("TEXT")->default_value(""), "what the text begins with")
      ("max-tokens", po::value(&settings.max_tokens)->value_name("N")->default_value(settings.max_tokens), "at most so many tokens are added")
      ("temperature", po::value(&settings.temperature)->value_name("T")->default_value(0.0, "0"), "0: always the likeliest token")
      ("top-p", po::value(&settings.top_p)->value_name("P")->default_value(1.0, "1"), "draw among the likeliest tokens that together have this probability")
      ("seed", po::value(&settings.seed)->value_name("N")->default_value(0), "of the draws")
      ("device", po::value(&device)->value_name("NAME")->default_value("cpu"), "cpu or cuda")
      ("dtype", po::value(&dtype)->value_name("NAME")->default_value("float32"), "float32, or bfloat16 in half the memory")
      ("threads", po::value(&threads)->value_name("N")->default_value(1), "of the computation");
  add_plugin_option(options);
  po::positional_options_description positional;
  positional.add("checkpoint", 1);
  const auto values = parse_arguments(self, options, positional, args);
  if (!values) return 0;
  if (!values->count("checkpoint")) fail<ConfigError>(kWho, "expected a model directory: runner generate DIR --prompt TEXT");
  if (threads < 1) fail<ConfigError>(kWho, "--threads is {}, expected at least 1", threads);
  const std::filesystem::path directory = (*values)["checkpoint"].as<std::string>();
  set_threads(threads);

  const Model model = read_checkpoint(directory);
  const auto tokenizer = tokenizer_of(directory, model.spec);
  note_missing_bytes(*tokenizer, (*values)["prompt"].as<std::string>());
  const auto prompt = prompt_tokens(*tokenizer, (*values)["prompt"].as<std::string>());
  std::shared_ptr<const Router> router;
  if (model.spec.moe) router = PluginRegistry::load(plugin_folders(*values)).create<Router>(model.spec.moe->router);
  const LanguageModel predictor(model, router, device_named(device), dtype_named(dtype));

  const std::vector<std::int64_t> ends = read_checkpoint_extras(directory).token_ids.eos;
  TextPrinter printer(*tokenizer);
  settings.stop = [&](std::span<const std::int64_t> written) {
    if (std::find(ends.begin(), ends.end(), written.back()) != ends.end()) return true;
    if (written.back() < tokenizer->vocab_size()) printer.add(written.back());  // a row that pads the embedding is no token
    return false;
  };
  generate(predictor, prompt, settings);
  std::cout << '\n';
  return 0;
}

}  // namespace

Command make_generate() { return {"generate", "DIR --prompt TEXT", "continue a text with a model on disk", run}; }

}  // namespace symphony
