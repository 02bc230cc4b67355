// The union of vocabularies: every token string once, whatever the ids were, and a file that is a tokenizer again.
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "core/data/vocabulary_union.hpp"
#include "tests/support/tiny_tokenizer.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;
using Ids = std::vector<std::int64_t>;

TEST_CASE("vocabulary union: holds every token once, the anchor's under their own ids", "[core][data]") {
  const auto first = tiny_tokenizer({"ab", "abc"}, {"<|bos|>", "<|eos|>"}), second = tiny_tokenizer({"bc", "ab", "abcd"}, {"<|bos|>", "<|tool|>"});
  const VocabularyUnion united = unite_vocabularies({{"first", first}, {"second", second}}, 0);
  CHECK(united.tokens.size() == 256 + 2 + 2 + 2 + 1);  // bytes; ab abc, <|bos|> <|eos|>; bc abcd, <|tool|>
  CHECK(united.tokenizer->vocab_size() == 263);
  CHECK(std::set<std::string>(united.tokens.begin(), united.tokens.end()).size() == united.tokens.size());
  CHECK(Ids(united.tokenizer->encode("ab")) == first->encode("ab"));
  CHECK(united.tokens[260] == "abcd");
  CHECK(united.tokens[261] == "bc");
  CHECK(united.tokens[262] == "<|tool|>");
  CHECK(united.tokenizer->special().bos == first->special().bos);
  const auto again = parse_tokenizer(united.tokenizer->to_json(), "again.json");
  CHECK(again->spec() == united.tokenizer->spec());
  CHECK(united.tokenizer->decode(united.tokenizer->encode("xabcdbcab <|tool|>")) == "xabcdbcab <|tool|>");
  CHECK(united.tokenizer->encode("<|tool|>", SpecialText::token) == Ids{262});
}

TEST_CASE("vocabulary union: maps know a token's own id, or the pieces that spell it", "[core][data]") {
  const auto first = tiny_tokenizer({"ab", "abc"}, {"<|bos|>"}), second = tiny_tokenizer({"bc"}, {"<|bos|>", "<|x|>"});
  const VocabularyUnion united = unite_vocabularies({{"first", first}, {"second", second}}, 0);
  const TokenMap map = map_tokens(*second, united.tokens);
  for (std::size_t token = 0; token < united.tokens.size(); ++token) {
    CAPTURE(united.tokens[token]);
    CHECK((map.own[token] < 0) != map.pieces[token].empty());
  }
  const auto at = [&](const std::string& spelled) { return static_cast<std::size_t>(std::find(united.tokens.begin(), united.tokens.end(), spelled) - united.tokens.begin()); };
  CHECK(map.own[at("bc")] == 256);
  CHECK(map.pieces[at("abc")] == Ids{'a', 256});
  CHECK(map.own[at("<|bos|>")] == 257);
  CHECK(map_tokens(*first, united.tokens).pieces[at("<|x|>")] == Ids{'<', '|', 'x', '|', '>'});
}

TEST_CASE("vocabulary union: the ids of a source change nothing", "[core][data]") {
  const auto seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  const auto first = tiny_tokenizer({"ab", "abc", "th"}, {"<|bos|>"}), second = tiny_tokenizer({"bc", "the", "ab"}, {"<|bos|>", "<|x|>"});
  const VocabularyUnion united = unite_vocabularies({{"first", first}, {"second", second}}, 0);
  const VocabularyUnion again = unite_vocabularies({{"first", first}, {"second", with_ids_permuted(*second, seed)}}, 0);
  CHECK(again.tokens == united.tokens);
  CHECK(again.tokenizer->to_json() == united.tokenizer->to_json());
}

TEST_CASE("vocabulary union: tokenizers that cut text differently are refused, naming where", "[core][data]") {
  const auto first = tiny_tokenizer({}, {});
  TokenizerSpec spec = first->spec();
  spec.normalizer = {UnicodeForm{"NFC"}};
  CHECK_THROWS_WITH(unite_vocabularies({{"a", first}, {"b", make_tokenizer(spec, "b")}}, 0), Contains("vocabulary: source 'b' differs from the anchor 'a' in the normalizer"));
  spec = first->spec();
  spec.pre_tokenizer = {ByteLevel{}};
  CHECK_THROWS_AS(unite_vocabularies({{"a", first}, {"b", make_tokenizer(spec, "b")}}, 1), DataError);
}
