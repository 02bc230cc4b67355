// What a tokenizer.json says, as data: the steps from text to words, the byte-pair vocabulary, and the way back. Names and defaults are those of
// the file format (Hugging Face tokenizers); what the file can say beyond this is refused when it is read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace symphony {

/// "NFC", "NFD", "NFKC" or "NFKD".
struct UnicodeForm {
  std::string name;
  bool operator==(const UnicodeForm&) const = default;
};
/// Before a text that is not empty.
struct PrependText {
  std::string text;
  bool operator==(const PrependText&) const = default;
};
/// Every occurrence of a text, from the left.
struct ReplaceText {
  std::string pattern, content;
  bool operator==(const ReplaceText&) const = default;
};
using NormalizerStep = std::variant<UnicodeForm, PrependText, ReplaceText>;

enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
/// Matches of a regular expression (or, `is_text`, of a text) are treated as `behavior` says; `invert`: what lies between them is.
struct SplitText {
  std::string pattern;
  bool is_text = false;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
  bool operator==(const SplitText&) const = default;
};
struct SplitDigits {
  bool individual = false;
  bool operator==(const SplitDigits&) const = default;
};
/// From here on, symbols are bytes. `use_regex`: split into words as GPT-2 does. As a post-processor it only concerns offsets.
struct ByteLevel {
  bool add_prefix_space = false, trim_offsets = true, use_regex = true;
  bool operator==(const ByteLevel&) const = default;
};
enum class PrependScheme { always, first, never };
/// Blanks become `replacement`; `split`: before every one of those.
struct Metaspace {
  std::string replacement = "\xe2\x96\x81";
  PrependScheme prepend = PrependScheme::always;
  bool split = true;
  bool operator==(const Metaspace&) const = default;
};
using PreTokenizerStep = std::variant<SplitText, SplitDigits, ByteLevel, Metaspace>;

/// An item of a template: a special token by its content, or a sequence "A" or "B".
struct TemplateItem {
  std::string special, sequence;
  std::int64_t type_id = 0;
  bool operator==(const TemplateItem&) const = default;
};
struct Template {
  std::vector<TemplateItem> single, pair;
  bool operator==(const Template&) const = default;
};
using PostProcessorStep = std::variant<ByteLevel, Template>;

struct DecodeByteFallback { bool operator==(const DecodeByteFallback&) const = default; };  ///< <0x0A> becomes that byte
struct DecodeFuse { bool operator==(const DecodeFuse&) const = default; };                  ///< tokens become one text
/// Up to `start` times `content` at the beginning of each token (after a fuse: of the text), `stop` times at the end.
struct DecodeStrip {
  std::string content;
  std::int64_t start = 0, stop = 0;
  bool operator==(const DecodeStrip&) const = default;
};
using DecoderStep = std::variant<ByteLevel, ReplaceText, DecodeByteFallback, DecodeFuse, DecodeStrip, Metaspace>;

/// A token that is found in the text before anything else: whole words only, with the blanks around it, in the normalised text.
struct AddedToken {
  std::string content;
  std::int64_t id = 0;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = true;
  bool operator==(const AddedToken&) const = default;
};

struct BpeMerge {
  std::int64_t left = 0, right = 0, merged = 0;  ///< ids; the merge's rank is its place in the list
  bool operator==(const BpeMerge&) const = default;
};

struct TokenizerSpec {
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;      ///< ByteLevel is the last, if it is there
  std::vector<PostProcessorStep> post_processor;
  std::vector<DecoderStep> decoder;
  std::vector<AddedToken> added;                    ///< by id
  std::vector<std::pair<std::string, std::int64_t>> vocab;  ///< as spelled in the file, by id; added tokens may be among them
  std::vector<BpeMerge> merges;
  bool byte_fallback = false, ignore_merges = false, fuse_unk = false;
  std::optional<std::string> unk_token;             ///< stands for bytes without a token of their own; with byte fallback there are none

  bool operator==(const TokenizerSpec&) const = default;
  bool is_byte_level() const { return !pre_tokenizer.empty() && std::holds_alternative<ByteLevel>(pre_tokenizer.back()); }
};

/// Whether both cut every text into the same ids and make the same text of ids: equal but for flags that change neither. Of a byte-level step those are
/// `trim_offsets`, and all of a decoder's and a post-processor's.
bool reads_alike(const TokenizerSpec& a, const TokenizerSpec& b);
/// The spec with these flags as they are where a file does not give them.
TokenizerSpec without_inert_flags(TokenizerSpec spec);

}  // namespace symphony
