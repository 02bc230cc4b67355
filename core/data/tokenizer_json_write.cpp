// Writing a tokenizer.json. Keys that newer readers added are written only where they say something.
#include <algorithm>

#include "core/base/error.hpp"
#include "core/data/tokenizer_json.hpp"

namespace symphony {

namespace {

Value pattern_value(const std::string& pattern, bool is_text) { return ValueMap{{is_text ? "String" : "Regex", pattern}}; }

const char* behavior_name(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::removed: return "Removed";
    case SplitBehavior::isolated: return "Isolated";
    case SplitBehavior::merged_with_previous: return "MergedWithPrevious";
    case SplitBehavior::merged_with_next: return "MergedWithNext";
    case SplitBehavior::contiguous: break;
  }
  return "Contiguous";
}

const char* scheme_name(PrependScheme scheme) {
  switch (scheme) {
    case PrependScheme::always: return "always";
    case PrependScheme::first: return "first";
    case PrependScheme::never: break;
  }
  return "never";
}

Value items_value(const std::vector<TemplateItem>& items) {
  ValueList list;
  for (const TemplateItem& item : items)
    list.push_back(ValueMap{{item.special.empty() ? "Sequence" : "SpecialToken",
                             ValueMap{{"id", item.special.empty() ? item.sequence : item.special}, {"type_id", item.type_id}}}});
  return list;
}

/// A step as the file spells it.
class StepWriter {
 public:
  explicit StepWriter(const TokenizerSpec& spec) : spec_(spec) {}

  Value operator()(const UnicodeForm& form) const { return ValueMap{{"type", form.name}}; }
  Value operator()(const PrependText& prefix) const { return ValueMap{{"type", "Prepend"}, {"prepend", prefix.text}}; }
  Value operator()(const ReplaceText& replace) const {
    return ValueMap{{"type", "Replace"}, {"pattern", pattern_value(replace.pattern, true)}, {"content", replace.content}};
  }
  Value operator()(const SplitText& split) const {
    return ValueMap{{"type", "Split"}, {"pattern", pattern_value(split.pattern, split.is_text)}, {"behavior", behavior_name(split.behavior)}, {"invert", split.invert}};
  }
  Value operator()(const SplitDigits& digits) const { return ValueMap{{"type", "Digits"}, {"individual_digits", digits.individual}}; }
  Value operator()(const ByteLevel& bytes) const {
    return ValueMap{{"type", "ByteLevel"}, {"add_prefix_space", bytes.add_prefix_space}, {"trim_offsets", bytes.trim_offsets}, {"use_regex", bytes.use_regex}};
  }
  Value operator()(const Metaspace& blanks) const {
    return ValueMap{{"type", "Metaspace"}, {"replacement", blanks.replacement}, {"prepend_scheme", scheme_name(blanks.prepend)}, {"split", blanks.split}};
  }
  Value operator()(const DecodeByteFallback&) const { return ValueMap{{"type", "ByteFallback"}}; }
  Value operator()(const DecodeFuse&) const { return ValueMap{{"type", "Fuse"}}; }
  Value operator()(const DecodeStrip& strip) const {
    return ValueMap{{"type", "Strip"}, {"content", strip.content}, {"start", strip.start}, {"stop", strip.stop}};
  }
  Value operator()(const Template& frame) const {
    Value tokens = ValueMap{};
    for (const auto* items : {&frame.single, &frame.pair})
      for (const TemplateItem& item : *items)
        for (const AddedToken& token : spec_.added)
          if (token.content == item.special) tokens.set(token.content, ValueMap{{"id", token.content}, {"ids", ValueList{token.id}}, {"tokens", ValueList{token.content}}});
    return ValueMap{{"type", "TemplateProcessing"}, {"single", items_value(frame.single)}, {"pair", items_value(frame.pair)}, {"special_tokens", tokens}};
  }

  template <typename Steps>
  Value all(const Steps& steps, const char* list_key) const {
    if (steps.empty()) return {};
    if (steps.size() == 1) return std::visit(*this, steps.front());
    ValueList list;
    for (const auto& step : steps) list.push_back(std::visit(*this, step));
    return ValueMap{{"type", "Sequence"}, {list_key, list}};
  }

 private:
  const TokenizerSpec& spec_;
};

Value model_value(const TokenizerSpec& spec) {
  ValueMap vocab;
  std::vector<const std::string*> spelled;
  bool has_blanks = false;
  for (const auto& [text, id] : spec.vocab) {
    spelled.resize(std::max(spelled.size(), static_cast<std::size_t>(id) + 1));
    spelled[static_cast<std::size_t>(id)] = &text;
    has_blanks = has_blanks || text.find(' ') != std::string::npos;
    vocab.emplace_back(text, id);
  }
  ValueList merges;
  for (const BpeMerge& merge : spec.merges) {
    const std::string &left = *spelled[static_cast<std::size_t>(merge.left)], &right = *spelled[static_cast<std::size_t>(merge.right)];
    merges.push_back(has_blanks ? Value(ValueList{left, right}) : Value(left + " " + right));
  }
  ValueMap model{{"type", "BPE"}, {"dropout", Value()}, {"unk_token", spec.unk_token ? Value(*spec.unk_token) : Value()},
                 {"continuing_subword_prefix", Value()}, {"end_of_word_suffix", Value()}, {"fuse_unk", spec.fuse_unk}, {"byte_fallback", spec.byte_fallback}};
  if (spec.ignore_merges) model.emplace_back("ignore_merges", true);
  model.emplace_back("vocab", std::move(vocab));
  model.emplace_back("merges", std::move(merges));
  return model;
}

}  // namespace

Value tokenizer_value(const TokenizerSpec& spec) {
  ValueList added;
  for (const AddedToken& token : spec.added)
    added.push_back(ValueMap{{"id", token.id}, {"content", token.content}, {"single_word", token.single_word}, {"lstrip", token.lstrip},
                             {"rstrip", token.rstrip}, {"normalized", token.normalized}, {"special", token.special}});
  const StepWriter write(spec);
  return ValueMap{{"version", "1.0"}, {"truncation", Value()}, {"padding", Value()}, {"added_tokens", added},
                  {"normalizer", write.all(spec.normalizer, "normalizers")}, {"pre_tokenizer", write.all(spec.pre_tokenizer, "pretokenizers")},
                  {"post_processor", write.all(spec.post_processor, "processors")}, {"decoder", write.all(spec.decoder, "decoders")},
                  {"model", model_value(spec)}};
}

}  // namespace symphony
