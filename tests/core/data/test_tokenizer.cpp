// Byte-level BPE: round trips of any bytes, the public byte alphabet, merges worked out by hand, and files that lie.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/random.hpp"
#include "core/data/byte_alphabet.hpp"
#include "core/data/text_matches.hpp"
#include "core/data/tokenizer.hpp"
#include "core/data/word_scanner.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
using Ids = std::vector<std::int64_t>;

namespace {

/// A tokenizer.json with the 256 bytes under their own ids, plus what the arguments add.
std::string tokenizer_json(const std::string& more_vocab, const std::string& merges, const std::string& added = "[]",
                           const std::string& splitter = R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})",
                           const std::string& more_model = "") {
  std::string vocab;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string& spelled = byte_alphabet()[static_cast<std::size_t>(byte)];
    const std::string escaped = spelled == "\"" || spelled == "\\" ? "\\" + spelled : spelled;
    vocab += (byte ? ", \"" : "\"") + escaped + "\": " + std::to_string(byte);
  }
  return R"({"added_tokens": )" + added + R"(, "normalizer": null, "pre_tokenizer": )" + splitter +
         R"(, "decoder": {"type": "ByteLevel", "add_prefix_space": false}, "model": {"type": "BPE", )" + more_model +
         R"("vocab": {)" + vocab + more_vocab + R"(}, "merges": )" + merges + "}}";
}

/// An added token in full.
std::string added_token(int id, const std::string& content) {
  return fmt::format(R"({{"id": {}, "content": "{}", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}})", id, content);
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

/// What the reader says against `json`, or "accepted".
std::string error(const std::string& json) {
  try {
    parse_tokenizer(json, "t.json");
  } catch (const DataError& caught) {
    return caught.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("tokenizer: the byte tokenizer gives every byte its own value", "[core][data]") {
  const auto tokenizer = byte_tokenizer();
  CHECK(tokenizer->vocab_size() == 259);
  CHECK(tokenizer->special().bos == 256);
  CHECK(tokenizer->special().eos == 257);
  CHECK(tokenizer->special().pad == 258);
  CHECK(tokenizer->encode("Aa\n") == Ids{65, 97, 10});
  CHECK(tokenizer->encode("").empty());
  CHECK(tokenizer->decode(Ids{256, 72, 105, 257, 258}) == "Hi");
  CHECK(tokenizer->token_bytes()[255] == 1);
  CHECK(tokenizer->token_bytes()[256] == 0);
}

TEST_CASE("tokenizer: any bytes survive encoding and decoding", "[core][data]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  Random random(seed, "bytes");
  std::string bytes;
  for (int count = 0; count < 5000; ++count) bytes += static_cast<char>(random.below(256));
  const auto merging = parse_tokenizer(tokenizer_json(R"(, "aa": 256, "ab": 257, "aab": 258)", R"(["a a", "a b", "aa b"])"), "t.json");
  for (const auto& tokenizer : {byte_tokenizer(), merging}) CHECK(tokenizer->decode(tokenizer->encode(bytes)) == bytes);
}

TEST_CASE("tokenizer: special tokens are not read out of text", "[core][data]") {
  CHECK(byte_tokenizer()->encode("<|eos|>").size() == 7);
}

TEST_CASE("byte alphabet: known characters of the released GPT-2 encoder", "[core][data]") {
  CHECK(spell_bytes(" ") == "\u0120");
  CHECK(spell_bytes("\n") == "\u010A");
  CHECK(spell_bytes("\t") == "\u0109");
  CHECK(spell_bytes(std::string_view("\0", 1)) == "\u0100");
  CHECK(spell_bytes("\x7f") == "\u0121");
  CHECK(spell_bytes("\xa0") == "\u0142");
  CHECK(spell_bytes("\xad") == "\u0143");
  CHECK(spell_bytes("~!A") == "~!A");
  CHECK(spell_bytes("\xc3\xa9") == "\u00c3\u00a9");
  CHECK(unspell_bytes("a\u0120b") == "a b");
  CHECK_FALSE(unspell_bytes("\u0144").has_value());  // the first character beyond the alphabet
  CHECK_FALSE(unspell_bytes("\xc4").has_value());
}

TEST_CASE("tokenizer: merges apply by rank, then from the left", "[core][data]") {
  // Ranks: 0 = "b c", 1 = "a b", 2 = "a bc". "abc": bc first (rank 0), then a+bc (rank 2); "ab" never forms.
  const auto tokenizer = parse_tokenizer(tokenizer_json(R"(, "bc": 256, "ab": 257, "abc": 258)", R"(["b c", ["a", "b"], "a bc"])"), "t.json");
  CHECK(tokenizer->vocab_size() == 259);
  CHECK(tokenizer->encode("abc") == Ids{258});
  CHECK(tokenizer->encode("abab") == Ids{257, 257});
  CHECK(tokenizer->encode("xabcab") == Ids{'x', 258, 257});
  // Ranks: 0 = "a a", 1 = "aa a". "aaaaa": the leftmost pairs become aa aa a, then the second aa takes the last a.
  const auto repeats = parse_tokenizer(tokenizer_json(R"(, "aa": 256, "aaa": 257)", R"(["a a", "aa a"])"), "t.json");
  CHECK(repeats->encode("aaaaa") == Ids{256, 257});
  CHECK(repeats->encode("aaaa") == Ids{256, 256});
  CHECK(repeats->token_bytes()[257] == 3);
}

TEST_CASE("tokenizer: merging a long text agrees with the plain algorithm", "[core][data]") {
  const auto tokenizer = parse_tokenizer(tokenizer_json(R"(, "ab": 256, "ba": 257, "abab": 258, "bab": 259, "aba": 260)",
                                                        R"(["b a", "a b", "ab ab", "ba b", "ab a"])"), "t.json");
  const std::vector<std::array<std::int64_t, 3>> merges{{'b', 'a', 257}, {'a', 'b', 256}, {256, 256, 258}, {257, 'b', 259}, {256, 'a', 260}};
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  CAPTURE(seed);
  Random random(seed, "letters");
  std::string text;
  for (int count = 0; count < 400; ++count) text += "ab"[random.below(2)];
  Ids plain(text.begin(), text.end());
  for (bool merged = true; merged;) {  // the lowest rank present, leftmost occurrence, one at a time
    merged = false;
    for (const auto& [left, right, result] : merges) {
      for (std::size_t at = 0; at + 1 < plain.size() && !merged; ++at) {
        if (plain[at] != left || plain[at + 1] != right) continue;
        plain[at] = result;
        plain.erase(plain.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        merged = true;
      }
      if (merged) break;
    }
  }
  CHECK(tokenizer->encode(text) == plain);
}

TEST_CASE("tokenizer: writing and reading gives the same tokenizer", "[core][data]") {
  const std::string added = fmt::format("[{}]", added_token(300, "<|endoftext|>"));
  for (const auto& tokenizer : {byte_tokenizer(), parse_tokenizer(tokenizer_json(R"(, "aa": 256)", R"(["a a"])", added), "t.json")}) {
    const auto again = parse_tokenizer(tokenizer->to_json(), "again.json");
    CHECK(again->to_json() == tokenizer->to_json());
    CHECK(again->vocab_size() == tokenizer->vocab_size());
    CHECK(again->special().eos == tokenizer->special().eos);
    CHECK(again->encode("baaa\xff") == tokenizer->encode("baaa\xff"));
  }
}

TEST_CASE("tokenizer: a byte without a token is dropped before merging, or the unknown token keeps its place", "[core][data]") {
  const std::string splitter = R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})", words = R"(, "ab": 256, "<unk>": 257)";
  const auto tokenizer = [&](const std::string& unknown) {
    return parse_tokenizer(replaced(tokenizer_json(words, R"(["a b"])", "[]", splitter, unknown), "\"q\": 113, ", ""), "t.json");
  };
  CHECK(tokenizer("")->missing_bytes() == std::vector<std::uint8_t>{'q'});
  CHECK(tokenizer("")->encode("aqqbq") == Ids{256});
  CHECK(tokenizer("")->encode("q").empty());
  CHECK(tokenizer(R"("unk_token": "<unk>", )")->encode("aqqbq") == Ids{'a', 257, 257, 'b', 257});
  CHECK(tokenizer(R"("unk_token": "<unk>", "fuse_unk": true, )")->encode("aqqbq") == Ids{'a', 257, 'b', 257});
  CHECK(byte_tokenizer()->missing_bytes().empty());
}

TEST_CASE("tokenizer: an id that is no token is refused", "[core][data]") {
  CHECK_THROWS_WITH(byte_tokenizer()->decode(Ids{65, 259}), Contains("id 259 is no token, expected one of 0..258"));
  CHECK_THROWS_WITH(byte_tokenizer()->decode(Ids{-1}), Contains("id -1 is no token"));
}

TEST_CASE("tokenizer: a damaged tokenizer.json says what is wrong", "[core][data]") {
  const std::string good = tokenizer_json("", "[]");
  CHECK(error(good) == "accepted");
  CHECK_THAT(error("{"), Contains("t.json"));
  CHECK_THAT(error("[]"), Contains("a list") && Contains("expected a map"));
  CHECK_THAT(error(replaced(good, "\"model\"", "\"modul\"")), Contains("the file has the key 'modul', which is not supported; did you mean 'model'?"));
  CHECK_THAT(error(replaced(good, "\"merges\"", "\"merged\"")), Contains("the model has the key 'merged', which is not supported; did you mean 'merges'?"));
  CHECK_THAT(error(replaced(good, "\"b\": 98", "\"b\": 97")), Contains("'a' and 'b' have the same id 97"));
  CHECK_THAT(error(replaced(tokenizer_json("", "[]", "[]", R"({"type": "ByteLevel", "add_prefix_space": false})", R"("unk_token": "<unk>", )"), "\"b\": 98, ", "")),
             Contains("no token for the byte 98, nor the 'unk_token' '<unk>' to stand for it"));
  CHECK_THAT(error(replaced(good, "\"b\": 98", "\"b\": -1")), Contains("'b' has the id -1"));
  CHECK_THAT(error(replaced(good, "\"b\": 98", "\"b\": 99999999999")), Contains("expected 0..16777215"));
  CHECK_THAT(error(replaced(good, "\"b\": 98", "\"b\": \"98\"")), Contains("expected an integer"));
  CHECK_THAT(error(replaced(good, "\"b\": 98", "\"a\": 98")), Contains("a"));
  CHECK_THAT(error(tokenizer_json(R"(, " ": 256)", "[]")), Contains("not spelled in the byte-level alphabet"));
  CHECK_THAT(error(tokenizer_json("", R"(["a b"])")), Contains("merge 0 needs the token 'ab', which is not in 'vocab'"));
  CHECK_THAT(error(tokenizer_json("", R"(["ab"])")), Contains("merge 0 is") && Contains("expected \"a b\""));
  CHECK_THAT(error(tokenizer_json("", R"([["a", 1]])")), Contains("merge 0 is"));
  CHECK_THAT(error(tokenizer_json(R"(, "ab": 256)", R"(["a b", ["a", "b"]])")), Contains("merge 1 repeats the pair 'a' and 'b'"));
  CHECK_THAT(error(tokenizer_json("", "[]", fmt::format("[{}]", added_token(97, "<s>")))), Contains("'<s>' and 'a' have the same id 97"));
  CHECK_THAT(error(tokenizer_json("", "[]", R"([{"id": 256}])")), Contains("'content' is missing"));
}

TEST_CASE("tokenizer: what is not implemented is refused by name", "[core][data]") {
  const std::string good = tokenizer_json("", "[]");
  const auto splitter = [&](const std::string& step) { return error(tokenizer_json("", "[]", "[]", step)); };
  const auto normalizer = [&](const std::string& step) { return error(replaced(good, R"("normalizer": null)", fmt::format(R"("normalizer": {})", step))); };
  const auto more = [&](const std::string& key) { return error(replaced(good, R"("normalizer": null)", fmt::format(R"({}, "normalizer": null)", key))); };
  const auto model = [&](const std::string& key) { return error(tokenizer_json("", "[]", "[]", R"({"type": "ByteLevel", "add_prefix_space": false})", key)); };
  CHECK_THAT(splitter(R"({"type": "Whitespace"})"), Contains("t.json: the pre_tokenizer 'Whitespace' is not supported, expected ByteLevel, Split"));
  CHECK_THAT(splitter(R"({"type": "Metaspace", "replacement": "_"})"), Contains("the pre_tokenizer does not end in bytes and the decoder begins with them"));
  CHECK_THAT(splitter(R"({"type": "Metaspace", "replacement": "__"})"), Contains("'replacement' is not one character"));
  CHECK_THAT(splitter(R"({"type": "ByteLevel"})"), Contains("the key 'add_prefix_space' is missing"));
  CHECK_THAT(splitter(R"({"type": "ByteLevel", "add_prefix_space": false, "lower": true})"), Contains("the pre_tokenizer 'ByteLevel' has the key 'lower', which is not supported"));
  const auto split = [&](const std::string& pattern, const std::string& behavior = "Isolated") {
    return splitter(fmt::format(R"({{"type": "Sequence", "pretokenizers": [{{"type": "Split", "pattern": {{"Regex": "{}"}}, "behavior": "{}", "invert": false}},
                                   {{"type": "ByteLevel", "add_prefix_space": false}}]}})", pattern, behavior));
  };
  CHECK(split("[a-z]+") == "accepted");
  CHECK_THAT(split("[a-z]+", "Isolate"), Contains("'behavior' is 'Isolate'; did you mean 'Isolated'?"));
  CHECK_THAT(split("^a"), Contains("the pattern '^a' uses '^', which is not supported"));
  CHECK_THAT(split("a$"), Contains("uses '$'"));
  CHECK_THAT(split("\\\\w+"), Contains("uses '\\w'"));
  CHECK_THAT(split("(?<=a)b"), Contains("uses '(?<'"));
  CHECK_THAT(split("(a"), Contains("is not a regular expression"));
  CHECK_THAT(split(""), Contains("'pattern' is empty"));
  CHECK_THAT(normalizer(R"({"type": "Lowercase"})"), Contains("the normalizer 'Lowercase' is not supported, expected NFC"));
  CHECK_THAT(normalizer(R"({"type": "Replace", "pattern": {"Regex": "a"}, "content": "b"})"), Contains("the regular expression 'a' is not supported"));
  CHECK_THAT(normalizer(R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Strip"}]})"), Contains("the normalizer 'Strip' is not supported"));
  CHECK_THAT(more(R"("post_processor": {"type": "BertProcessing"})"), Contains("the post_processor 'BertProcessing' is not supported"));
  CHECK_THAT(more(R"("post_processor": {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}})"), Contains("not exactly one sequence"));
  CHECK_THAT(error(replaced(good, R"("decoder": {"type": "ByteLevel", "add_prefix_space": false}, )", "")), Contains("has no decoder"));
  CHECK_THAT(error(replaced(good, R"("decoder": {"type": "ByteLevel")", R"("decoder": {"type": "WordPiece")")), Contains("the decoder 'WordPiece' is not supported"));
  CHECK_THAT(error(replaced(good, "\"BPE\"", "\"Unigram\"")), Contains("the model 'Unigram' is not supported, expected 'BPE'"));
  CHECK_THAT(model(R"("byte_fallback": true, )"), Contains("'byte_fallback' beside the pre_tokenizer 'ByteLevel'"));
  CHECK_THAT(model(R"("dropout": 0.1, )"), Contains("'dropout' is the number 0.1, which is not supported"));
  CHECK_THAT(model(R"("end_of_word_suffix": "</w>", )"), Contains("'end_of_word_suffix' is '</w>'"));
}

TEST_CASE("tokenizer: a directory with a SentencePiece model alone is refused with the conversion named", "[core][data]") {
  const symphony::testing::TemporaryFolder folder;
  CHECK(load_model_tokenizer(folder.path()) == nullptr);
  atomic_write(folder.path() / "tokenizer.model", "x");
  CHECK_THROWS_WITH(load_model_tokenizer(folder.path()), Contains("has a tokenizer.model but no tokenizer.json") && Contains("save_pretrained"));
  atomic_write(folder.path() / "tokenizer.json", byte_tokenizer()->to_json());
  CHECK(load_model_tokenizer(folder.path())->vocab_size() == 259);
}

TEST_CASE("tokenizer: a directory with other files of a tokenizer is not taken to have none", "[core][data]") {
  const symphony::testing::TemporaryFolder folder;
  for (const char* other : {"vocab.json", "tokenizer_config.json", "tekken.json"}) {
    atomic_write(folder.path() / other, "{}");
    CHECK_THROWS_WITH(load_model_tokenizer(folder.path()), Contains(fmt::format("has a {} but no tokenizer.json", other)) && Contains("save_pretrained"));
    std::filesystem::remove(folder.path() / other);
  }
  std::filesystem::create_symlink("nothing", folder.path() / "tokenizer.json");
  CHECK_THROWS_WITH(load_model_tokenizer(folder.path()), Contains("is a link to 'nothing', which does not exist"));
}

TEST_CASE("tokenizer: a link to a file elsewhere is not read", "[core][data]") {
  const symphony::testing::TemporaryFolder folder;
  atomic_write(folder.path() / "secret", "content");
  std::filesystem::create_directory(folder.path() / "m");
  std::filesystem::create_symlink(folder.path() / "secret", folder.path() / "m/tokenizer.json");
  CHECK_THROWS_WITH(load_model_tokenizer(folder.path() / "m"), Contains("outside its folder") && !Contains("content"));
}

TEST_CASE("tokenizer: how a batch was last cut is no part of it", "[core][data]") {
  const std::string plain = byte_tokenizer()->to_json();
  std::string cut = plain;
  const std::string none = "\"truncation\": null";
  cut.replace(cut.find(none), none.size(), R"("truncation": {"max_length": 512})");
  REQUIRE(cut != plain);
  CHECK(parse_tokenizer(cut, "t.json")->spec() == byte_tokenizer()->spec());
}

TEST_CASE("tokenizer: flags that change neither ids nor text make no other tokenizer", "[core][data]") {
  const TokenizerSpec spec = byte_tokenizer()->spec();
  TokenizerSpec other = spec;
  std::get<ByteLevel>(other.decoder.front()) = {true, false, true};
  std::get<ByteLevel>(other.pre_tokenizer.front()).trim_offsets ^= true;
  CHECK_FALSE(other == spec);
  CHECK(reads_alike(other, spec));
  std::get<ByteLevel>(other.pre_tokenizer.front()).add_prefix_space ^= true;
  CHECK_FALSE(reads_alike(other, spec));
}

TEST_CASE("tokenizer: word patterns by hand split as their regular expressions do", "[core][data]") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u);
  CAPTURE(seed);
  const std::vector<std::string> parts{"a", "B", "s", "S", "t", "re", "LL", "'", "'s", "1", "23", " ", "  ", "\n", "\r", "\t", ".", "!?", "\u00a0", "\u3000", "\u00e9",
                                       "e\u0301", "\u017f", "\u4f60", "\u0661", "\u00bd", "\U0001f600", "\U0001d4d0", "\xff", "\xe2\x82", "/", "_", "\u2028", "\u0085"};
  const std::string gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
  const std::string rest = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)", start = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
  const std::vector<std::string> patterns{gpt2, fmt::format("{}{}{}", start, "{1,3}", rest), fmt::format("{}{}", start, rest)};
  for (const std::string& regex : patterns) {
    CAPTURE(regex);
    REQUIRE(known_word_pattern(regex));
    Random random(seed, "words");
    std::string text;
    for (int count = 0; count < 2000; ++count) text += parts[random.below(parts.size())];
    const auto by_hand = regex_pattern(regex, "test")->spans(text), by_icu = icu_regex_pattern(regex, "test")->spans(text);
    REQUIRE(by_hand.size() == by_icu.size());
    for (std::size_t index = 0; index < by_hand.size(); ++index) {
      REQUIRE(by_hand[index].begin == by_icu[index].begin);
      REQUIRE(by_hand[index].end == by_icu[index].end);
    }
  }
}
