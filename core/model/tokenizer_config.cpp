// Tokens are strings, or maps with a "content".
#include "core/model/tokenizer_config.hpp"

#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/links.hpp"

namespace symphony {

namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr const char* kTemplate = "chat_template";
constexpr std::uint64_t kLargestFile = std::uint64_t{16} << 20;

std::optional<std::string> content(const Value* token) {
  if (token && token->is_map()) token = token->find("content");
  return token && token->is_string() ? std::optional(token->as_string()) : std::nullopt;
}

bool is_there(const fs::path& file) {
  if (!fs::exists(fs::symlink_status(file))) return false;
  refuse_link_out(file);
  return true;
}

std::optional<std::string> added_token(const Value& tokenizer, std::int64_t id) {
  const Value* added = tokenizer.find("added_tokens");
  if (!added || !added->is_list()) return std::nullopt;
  for (const Value& token : added->as_list())
    if (const Value* own = token.find("id"); own && *own == Value(id)) return content(&token);
  return std::nullopt;
}

}  // namespace

Value read_tokenizer_config(const fs::path& directory) {
  Value kept = ValueMap{};
  if (is_there(directory / kConfigFile)) {
    const std::string where = (directory / kConfigFile).string();
    const Value config = parse_json(read_text(directory / kConfigFile, kLargestFile), where);
    if (!config.is_map()) fail<DataError>(where, "is {}, expected a map", config.describe());
    for (const char* role : {"bos_token", "eos_token", "pad_token", "unk_token"})
      if (const auto token = content(config.find(role))) kept.set(role, *token);
    if (const Value* chat = config.find(kTemplate); chat && (chat->is_string() || chat->is_list())) kept.set(kTemplate, *chat);
  }
  if (!kept.find(kTemplate) && is_there(directory / kTemplateFile)) kept.set(kTemplate, read_text(directory / kTemplateFile, kLargestFile));
  return kept;
}

Value written_tokenizer_config(const Value& kept, const SpecialTokenIds& ids, std::string_view tokenizer_json, std::int64_t max_positions) {
  // Without the class, transformers would choose a tokenizer by model_type, whose own pre-processing differs.
  Value config = ValueMap{{"tokenizer_class", "PreTrainedTokenizerFast"}, {"model_max_length", max_positions}};
  const Value tokenizer = parse_json(tokenizer_json, "tokenizer.json");
  const auto put = [&](const char* role, std::optional<std::int64_t> id) {
    std::optional<std::string> token = content(kept.find(role));
    if (!token && id) token = added_token(tokenizer, *id);
    if (token) config.set(role, *token);
  };
  put("bos_token", ids.bos);
  put("eos_token", ids.eos.empty() ? std::nullopt : std::optional(ids.eos.front()));
  put("pad_token", ids.pad);
  put("unk_token", std::nullopt);
  if (const Value* chat = kept.find(kTemplate)) config.set(kTemplate, *chat);
  return config;
}

}  // namespace symphony
