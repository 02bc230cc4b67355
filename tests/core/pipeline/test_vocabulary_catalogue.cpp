// What sweep points share of vocabularies: files are read again only when they change, unions are made once.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/pipeline/vocabulary_catalogue.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_tokenizer.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("vocabulary catalogue: a directory's tokenizer is read again only when its file changes", "[core][pipeline]") {
  const TemporaryFolder folder;
  VocabularyCatalogue vocabularies;
  CHECK(vocabularies.of_directory(folder.path()) == nullptr);
  atomic_write(folder / "tokenizer.json", tiny_tokenizer({"ab"}, {})->to_json());
  const auto first = vocabularies.of_directory(folder.path());
  REQUIRE(first);
  CHECK(vocabularies.of_directory(folder.path()) == first);
  atomic_write(folder / "tokenizer.json", tiny_tokenizer({"abc", "x"}, {})->to_json());
  CHECK(vocabularies.of_directory(folder.path())->encode("abc").size() == 1);
  CHECK(vocabularies.notes().empty());
}

TEST_CASE("vocabulary catalogue: bytes without a token are noted once a file", "[core][pipeline]") {
  const TemporaryFolder folder;
  TokenizerSpec spec = tiny_tokenizer({}, {"<unk>"})->spec();
  std::erase_if(spec.vocab, [](const auto& entry) { return entry.first == "~" || entry.first == "#"; });
  atomic_write(folder / "tokenizer.json", make_tokenizer(spec, "gaps")->to_json());
  VocabularyCatalogue vocabularies;
  for (int run = 0; run < 3; ++run) CHECK(vocabularies.of_directory(folder.path())->missing_bytes() == std::vector<std::uint8_t>{'#', '~'});
  const std::string file = (folder / "tokenizer.json").string();
  CHECK(vocabularies.notes() == std::vector<std::string>{fmt::format("{}: no token for 2 of the 256 byte values, which are dropped where they occur in text", file)});
}

TEST_CASE("vocabulary catalogue: the union of the same tokenizers is one object, whatever the sources are called", "[core][pipeline]") {
  const auto first = tiny_tokenizer({"ab"}, {}), second = tiny_tokenizer({"bc"}, {});
  VocabularyCatalogue vocabularies;
  const auto united = vocabularies.unite({{"a", first}, {"b", second}}, 0);
  CHECK(vocabularies.unite({{"x", first}, {"y", second}}, 0) == united);
  CHECK(vocabularies.unite({{"a", first}, {"b", second}}, 1) != united);
  CHECK(united->tokens == unite_vocabularies({{"a", first}, {"b", second}}, 0).tokens);
  const auto map = vocabularies.map(second, united);
  CHECK(vocabularies.map(second, united) == map);
  CHECK(map->own == map_tokens(*second, united->tokens).own);
}
