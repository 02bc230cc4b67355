// The steps around the model: one function a type of step. A list of steps ("Sequence") is flattened, because that is what it means.
#include <algorithm>
#include <array>
#include <functional>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/data/json_object.hpp"
#include "core/data/tokenizer_json.hpp"
#include "core/data/unicode_text.hpp"

namespace symphony {

namespace {

constexpr std::array<std::pair<const char*, SplitBehavior>, 5> kBehaviors{{{"Removed", SplitBehavior::removed},
                                                                           {"Isolated", SplitBehavior::isolated},
                                                                           {"MergedWithPrevious", SplitBehavior::merged_with_previous},
                                                                           {"MergedWithNext", SplitBehavior::merged_with_next},
                                                                           {"Contiguous", SplitBehavior::contiguous}}};
constexpr std::array<std::pair<const char*, PrependScheme>, 3> kSchemes{
    {{"always", PrependScheme::always}, {"first", PrependScheme::first}, {"never", PrependScheme::never}}};

template <typename Table>
auto named(const Table& table, const JsonObject& object, const char* key) {
  const std::string name = object.text(key);
  for (const auto& [known, value] : table)
    if (name == known) return value;
  std::vector<std::string> names;
  for (const auto& [known, value] : table) names.emplace_back(known);
  object.refuse(fmt::format("'{}' is {}; {}", key, quoted(name), name_hint(name, names)));
}

/// Calls `read` with every step under `key`: the value itself, or those of a Sequence, which holds them under `list_key`.
void for_each_step(const Value& root, const char* key, const char* list_key, const std::string& where, const std::function<void(const Value&, const std::string& type)>& read) {
  const Value* given = root.find(key);
  if (!given || given->is_null()) return;
  const std::string name = fmt::format("the {}", key), type = json_type(*given, where, name);
  if (type != "Sequence") return read(*given, type);
  const JsonObject sequence(*given, where, name, {"type", list_key});
  for (const Value& step : sequence.list(list_key)) read(step, json_type(step, where, name));
}

JsonObject step_object(const Value& step, const std::string& where, const char* role, std::initializer_list<const char*> known) {
  return JsonObject(step, where, fmt::format("the {} {}", role, quoted(json_type(step, where, role))), known);
}

[[noreturn]] void unsupported(const std::string& where, const char* role, const std::string& type, const char* known) {
  fail<DataError>(where, "the {} {} is not supported, expected {}", role, quoted(type), known);
}

/// { "String": text } or { "Regex": pattern }
std::pair<std::string, bool> pattern_of(const JsonObject& object) {
  const JsonObject pattern(object.at("pattern"), object.where(), "the pattern of a step", {"String", "Regex"});
  const bool is_text = pattern.find("String") != nullptr;
  if (is_text == (pattern.find("Regex") != nullptr)) object.refuse("'pattern' is not one of {\"String\": ..} and {\"Regex\": ..}");
  const std::string text = pattern.text(is_text ? "String" : "Regex");
  if (text.empty()) object.refuse("'pattern' is empty");
  return {text, is_text};
}

ReplaceText read_replace(const Value& step, const std::string& where, const char* role) {
  const JsonObject object = step_object(step, where, role, {"type", "pattern", "content"});
  const auto [pattern, is_text] = pattern_of(object);
  if (!is_text) object.refuse(fmt::format("the regular expression {} is not supported, expected a \"String\" pattern", quoted(pattern)));
  return {pattern, object.text("content")};
}

ByteLevel read_byte_level(const Value& step, const std::string& where, const char* role) {
  const JsonObject object = step_object(step, where, role, {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  return {object.flag("add_prefix_space"), object.flag("trim_offsets", true), object.flag("use_regex", true)};
}

Metaspace read_metaspace(const Value& step, const std::string& where, const char* role) {
  const JsonObject object = step_object(step, where, role, {"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
  Metaspace metaspace;
  metaspace.replacement = object.text("replacement");
  if (object.find("str_rep") && object.text("str_rep") != metaspace.replacement) object.refuse("'str_rep' differs from 'replacement'");
  const Utf8Char first = metaspace.replacement.empty() ? Utf8Char{} : utf8_at(metaspace.replacement, 0);
  if (!first.valid || first.size != metaspace.replacement.size()) object.refuse("'replacement' is not one character");
  if (object.find("prepend_scheme")) metaspace.prepend = named(kSchemes, object, "prepend_scheme");
  if (!object.flag("add_prefix_space", true)) {
    if (object.find("prepend_scheme") && metaspace.prepend != PrependScheme::never)
      object.refuse("'add_prefix_space' is false, which contradicts 'prepend_scheme'");
    metaspace.prepend = PrependScheme::never;
  }
  metaspace.split = object.flag("split", true);
  return metaspace;
}

NormalizerStep read_normalizer(const Value& step, const std::string& type, const std::string& where) {
  if (is_unicode_form(type)) {
    step_object(step, where, "normalizer", {"type"});
    return UnicodeForm{type};
  }
  if (type == "Prepend") return PrependText{step_object(step, where, "normalizer", {"type", "prepend"}).text("prepend")};
  if (type == "Replace") return read_replace(step, where, "normalizer");
  unsupported(where, "normalizer", type, "NFC, NFD, NFKC, NFKD, Prepend, Replace or a Sequence of these");
}

PreTokenizerStep read_pre_tokenizer(const Value& step, const std::string& type, const std::string& where) {
  if (type == "ByteLevel") return read_byte_level(step, where, "pre_tokenizer");
  if (type == "Metaspace") return read_metaspace(step, where, "pre_tokenizer");
  if (type == "Digits") return SplitDigits{step_object(step, where, "pre_tokenizer", {"type", "individual_digits"}).flag("individual_digits")};
  if (type != "Split") unsupported(where, "pre_tokenizer", type, "ByteLevel, Split, Digits, Metaspace or a Sequence of these");
  const JsonObject object = step_object(step, where, "pre_tokenizer", {"type", "pattern", "behavior", "invert"});
  const auto [pattern, is_text] = pattern_of(object);
  return SplitText{pattern, is_text, named(kBehaviors, object, "behavior"), object.flag("invert")};
}

std::vector<TemplateItem> read_template_items(const JsonObject& object, const char* key) {
  std::vector<TemplateItem> items;
  for (const Value& value : object.list(key)) {
    const JsonObject item(value, object.where(), "an item of a template", {"SpecialToken", "Sequence"});
    const bool is_special = item.find("SpecialToken") != nullptr;
    const JsonObject content(item.at(is_special ? "SpecialToken" : "Sequence"), object.where(), "an item of a template", {"id", "type_id"});
    items.push_back({is_special ? content.text("id") : "", is_special ? "" : content.text("id"), content.number("type_id")});
    if (!is_special && items.back().sequence != "A" && items.back().sequence != "B")
      content.refuse(fmt::format("the sequence {}, expected A or B", quoted(items.back().sequence)));
  }
  return items;
}

/// The id that a template's own list of special tokens gives must be the vocabulary's.
void check_template_token(const JsonObject& object, const std::string& content, const TokenizerSpec& spec) {
  const ValueMap& listed = object.map("special_tokens");
  const auto found = std::find_if(listed.begin(), listed.end(), [&](const auto& entry) { return entry.first == content; });
  if (found == listed.end()) object.refuse(fmt::format("the token {} is not among its 'special_tokens'", quoted(content)));
  const JsonObject token(found->second, object.where(), fmt::format("the template's token {}", quoted(content)), {"id", "ids", "tokens"});
  const auto added = std::find_if(spec.added.begin(), spec.added.end(), [&](const AddedToken& candidate) { return candidate.content == content; });
  if (added == spec.added.end()) token.refuse("it is not among 'added_tokens'");
  if (token.list("ids") != ValueList{added->id} || token.list("tokens") != ValueList{content})
    token.refuse(fmt::format("'ids' and 'tokens' are not [{}] and [{}], its own", added->id, quoted(content)));
}

Template read_template(const Value& step, const std::string& where, const TokenizerSpec& spec) {
  const JsonObject object = step_object(step, where, "post_processor", {"type", "single", "pair", "special_tokens"});
  const Template result{read_template_items(object, "single"), read_template_items(object, "pair")};
  const auto sequences = std::count_if(result.single.begin(), result.single.end(), [](const TemplateItem& item) { return item.sequence == "A"; });
  const bool has_b = std::any_of(result.single.begin(), result.single.end(), [](const TemplateItem& item) { return item.sequence == "B"; });
  if (sequences != 1 || has_b) object.refuse("'single' has not exactly one sequence, A");
  for (const auto* items : {&result.single, &result.pair})
    for (const TemplateItem& item : *items)
      if (!item.special.empty()) check_template_token(object, item.special, spec);
  return result;
}

PostProcessorStep read_post_processor(const Value& step, const std::string& type, const std::string& where, const TokenizerSpec& spec) {
  if (type == "ByteLevel") return read_byte_level(step, where, "post_processor");
  if (type == "TemplateProcessing") return read_template(step, where, spec);
  unsupported(where, "post_processor", type, "ByteLevel, TemplateProcessing or a Sequence of these");
}

DecoderStep read_decoder(const Value& step, const std::string& type, const std::string& where) {
  if (type == "ByteLevel") return read_byte_level(step, where, "decoder");
  if (type == "Metaspace") return read_metaspace(step, where, "decoder");
  if (type == "Replace") return read_replace(step, where, "decoder");
  if (type == "ByteFallback") return step_object(step, where, "decoder", {"type"}), DecodeByteFallback{};
  if (type == "Fuse") return step_object(step, where, "decoder", {"type"}), DecodeFuse{};
  if (type != "Strip") unsupported(where, "decoder", type, "ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace or a Sequence of these");
  const JsonObject object = step_object(step, where, "decoder", {"type", "content", "start", "stop"});
  return DecodeStrip{object.text("content"), object.number("start"), object.number("stop")};
}

/// Bytes are the last thing that text becomes and the only thing that a byte-level decoder reads; after a fuse only the ends can be stripped.
void check_order(const TokenizerSpec& spec, const std::string& where) {
  for (std::size_t index = 0; index + 1 < spec.pre_tokenizer.size(); ++index)
    if (std::holds_alternative<ByteLevel>(spec.pre_tokenizer[index])) fail<DataError>(where, "the pre_tokenizer 'ByteLevel' is followed by another, expected it last");
  bool fused = false;
  for (const DecoderStep& step : spec.decoder) {
    if (std::holds_alternative<ByteLevel>(step) && spec.decoder.size() > 1) fail<DataError>(where, "the decoder 'ByteLevel' beside others is not supported");
    if (fused && !std::holds_alternative<DecodeStrip>(step) && !std::holds_alternative<DecodeFuse>(step))
      fail<DataError>(where, "the decoder 'Fuse' is followed by one that looks at tokens, which is not supported; expected Strip");
    fused = fused || std::holds_alternative<DecodeFuse>(step);
    if (const auto* strip = std::get_if<DecodeStrip>(&step); strip && strip->content.empty()) fail<DataError>(where, "the decoder 'Strip' has no 'content'");
  }
  const bool byte_decoder = !spec.decoder.empty() && std::holds_alternative<ByteLevel>(spec.decoder.front());
  if (spec.is_byte_level() != byte_decoder)
    fail<DataError>(where, "the pre_tokenizer {} in bytes and the decoder {}, expected both or neither to be 'ByteLevel'", spec.is_byte_level() ? "ends" : "does not end",
                    byte_decoder ? "begins with them" : "does not");
}

}  // namespace

void read_tokenizer_steps(const Value& root, const std::string& where, TokenizerSpec& spec) {
  for_each_step(root, "normalizer", "normalizers", where, [&](const Value& step, const std::string& type) { spec.normalizer.push_back(read_normalizer(step, type, where)); });
  for_each_step(root, "pre_tokenizer", "pretokenizers", where,
                [&](const Value& step, const std::string& type) { spec.pre_tokenizer.push_back(read_pre_tokenizer(step, type, where)); });
  for_each_step(root, "post_processor", "processors", where,
                [&](const Value& step, const std::string& type) { spec.post_processor.push_back(read_post_processor(step, type, where, spec)); });
  for_each_step(root, "decoder", "decoders", where, [&](const Value& step, const std::string& type) { spec.decoder.push_back(read_decoder(step, type, where)); });
  if (spec.decoder.empty()) fail<DataError>(where, "has no decoder, which would join tokens with blanks; expected 'ByteLevel' or a Sequence with ByteFallback");
  check_order(spec, where);
}

}  // namespace symphony
