// Token streams: what is written is read, and damage is noticed.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/data/token_stream.hpp"

using namespace symphony;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

class TemporaryFile {
 public:
  TemporaryFile() : path_(fs::temp_directory_path() / fmt::format("symphony_tokens_{}", ::getpid())) {}
  ~TemporaryFile() { fs::remove(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

TEST_CASE("token stream: begins with BOS and holds the text", "[core][data]") {
  const TokenStream stream = tokenize(*byte_tokenizer(), "code", TextPart::training, "ab\xff");
  CHECK(stream.tokens_T.equal(torch::tensor({256, 97, 98, 255}, torch::kInt)));
  CHECK(stream.vocab_size == 259);
  CHECK_THROWS_WITH(tokenize(*byte_tokenizer(), "code", TextPart::held_out, ""), Contains("domain 'code'") && Contains("held_out text is empty"));
}

TEST_CASE("token stream: writing and reading gives the same stream", "[core][data]") {
  const TemporaryFile file;
  TokenStream stream = tokenize(*byte_tokenizer(), "scripture", TextPart::held_out, "In the beginning");
  const auto check_round_trip = [&] {
    write_token_stream(file.path(), stream);
    const TokenStream again = read_token_stream(file.path());
    CHECK(again.tokens_T.equal(stream.tokens_T));
    CHECK(again.domain == "scripture");
    CHECK(again.part == TextPart::held_out);
    CHECK(again.vocab_size == stream.vocab_size);
    CHECK(again.sha256 == stream.sha256);
  };
  check_round_trip();
  CHECK(fs::file_size(file.path()) == 8 + 32 + 9 + 64 + 2 * 17);
}

TEST_CASE("token stream: a large vocabulary is stored in four bytes a token", "[core][data]") {
  class Wide final : public Tokenizer {
   public:
    std::int64_t vocab_size() const override { return 70'000; }
    SpecialTokens special() const override { return {}; }
    using Tokenizer::encode;
    std::vector<std::int64_t> encode(std::string_view, SpecialText) const override { return {69'999, 1}; }
    std::vector<std::int64_t> pieces_of(std::string_view) const override { return {}; }
    std::string decode(std::span<const std::int64_t>) const override { return {}; }
    std::vector<std::uint8_t> missing_bytes() const override { return {}; }
    std::vector<std::int64_t> token_bytes() const override { return {}; }
    std::vector<std::int64_t> framed(std::vector<std::int64_t> ids) const override { return ids; }
    std::string to_json() const override { return {}; }
    const TokenizerSpec& spec() const override { return spec_; }

   private:
    TokenizerSpec spec_;
  };
  const TemporaryFile file;
  write_token_stream(file.path(), tokenize(Wide(), "d", TextPart::training, "xx"));
  CHECK(read_token_stream(file.path()).tokens_T.equal(torch::tensor({69'999, 1}, torch::kInt)));
}

TEST_CASE("token stream: the hash tells texts and vocabularies apart", "[core][data]") {
  const auto hash = [](std::string_view text) { return tokenize(*byte_tokenizer(), "d", TextPart::training, text).sha256; };
  CHECK(hash("abc") == hash("abc"));
  CHECK(hash("abc") != hash("abd"));
}

TEST_CASE("token stream: a damaged file is refused", "[core][data]") {
  const TemporaryFile file;
  write_token_stream(file.path(), tokenize(*byte_tokenizer(), "code", TextPart::training, "some text"));
  const std::string good = read_text(file.path());
  const auto refusal = [&](std::string bytes) {
    std::ofstream(file.path(), std::ios::binary) << bytes;
    try {
      read_token_stream(file.path());
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(refusal(good) == "accepted");
  CHECK_THAT(refusal("no tokens"), Contains("not a token stream"));
  CHECK_THAT(refusal(good.substr(0, good.size() - 3)), Contains("the file ends 3 bytes early"));
  CHECK_THAT(refusal(good + "x"), Contains("1 bytes follow the last token"));
  std::string changed = good;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  CHECK_THAT(refusal(changed), Contains("the tokens have SHA-256"));
  std::string version = good;
  version[8] = 9;
  CHECK_THAT(refusal(version), Contains("format version 9, expected 1"));
}
