// Equal to the reference library, string by string: tests/reference/tokenizer_files, written by tokenizer_golden.py from PyPI's tokenizers.
#include <catch2/catch.hpp>

#include <algorithm>

#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/data/tokenizer.hpp"

using namespace symphony;
using Ids = std::vector<std::int64_t>;

namespace {

const std::string kFolder = SYMPHONY_SOURCE_DIR "/tests/reference/tokenizer_files/";

const Value& golden() {
  static const Value value = parse_json(read_text(kFolder + "golden.json"), "golden.json");
  return value;
}

std::vector<std::string> strings() {
  std::vector<std::string> texts;
  for (const Value& hex : golden().find("strings")->as_list()) {
    std::string text;
    for (std::size_t at = 0; at < hex.as_string().size(); at += 2) text += static_cast<char>(std::stoi(hex.as_string().substr(at, 2), nullptr, 16));
    texts.push_back(text);
  }
  return texts;
}

Ids ids_of(const Value& list) {
  Ids ids;
  for (const Value& id : list.as_list()) ids.push_back(id.as_int());
  return ids;
}

/// What Python's errors="replace" makes of bytes: U+FFFD for each longest part that could have begun a character.
std::string repaired(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t valid = valid_utf8_prefix(bytes);
    text += bytes.substr(0, valid);
    bytes.remove_prefix(valid);
    if (bytes.empty()) break;
    const auto can_become_a_character = [](const std::string& part) { return valid_utf8_prefix(part + "\x80") > 0 || valid_utf8_prefix(part + "\x80\x80") > 0; };
    std::size_t broken = 1;
    while (broken < 3 && broken < bytes.size() && can_become_a_character(std::string(bytes.substr(0, broken + 1)))) ++broken;
    text += "\xef\xbf\xbd";
    bytes.remove_prefix(broken);
  }
  return text;
}

void check_ids(const Tokenizer& tokenizer, const Value& expected) {
  const std::vector<std::string> texts = strings();
  for (std::size_t index = 0; index < texts.size(); ++index) {
    CAPTURE(index, texts[index]);
    const Ids ids = ids_of(expected.find("ids")->as_list()[index]);
    CHECK(tokenizer.encode(repaired(texts[index]), SpecialText::token) == ids);
    if (!expected.find("literal")) continue;
    const Value* literal = expected.find("literal")->find(std::to_string(index));
    CHECK(tokenizer.encode(repaired(texts[index])) == (literal ? ids_of(*literal) : ids));
  }
}

void check_texts(const Tokenizer& tokenizer, const Value& expected) {
  const std::vector<std::string> texts = strings();
  for (std::size_t index = 0; index < texts.size(); ++index) {
    CAPTURE(index, texts[index]);
    const Ids ids = tokenizer.encode(repaired(texts[index]));
    // What is left of a character whose other bytes have no token is U+FFFD in the reference.
    const std::string text = tokenizer.decode(ids);
    CHECK((tokenizer.missing_bytes().empty() ? text : repaired(text)) == expected.find("text")->as_list()[index].as_string());
    // Without its ends the bytes need not be characters; byte tokens then become U+FFFD one by one in the reference, so those are left out.
    const std::string& cut = expected.find("cut")->as_list()[index].as_string();
    const Ids inner(ids.begin() + (ids.empty() ? 0 : 1), ids.end() - (ids.size() < 2 ? 0 : 1));
    if (tokenizer.spec().is_byte_level()) CHECK(repaired(tokenizer.decode(inner)) == cut);
    else if (cut.find("\xef\xbf\xbd") == std::string::npos) CHECK(tokenizer.decode(inner) == cut);
  }
}

}  // namespace

TEST_CASE("tokenizer: every family encodes and decodes hard strings as the reference library does", "[core][data]") {
  const auto family = GENERATE(as<std::string>(), "gpt2", "llama3", "qwen2", "smollm2", "gaps", "llama2", "mistral");
  CAPTURE(family);
  const auto tokenizer = load_tokenizer(kFolder + family + ".json");
  const Value& expected = *golden().find("families")->find(family);
  check_ids(*tokenizer, expected);
  check_texts(*tokenizer, expected);
  CHECK(tokenizer->framed(tokenizer->encode(strings()[4])) == ids_of(*expected.find("framed")));
}

TEST_CASE("tokenizer: other steps than the families' agree with the reference library", "[core][data]") {
  for (const auto& [name, expected] : golden().find("variants")->as_map()) {
    CAPTURE(name);
    const std::string path = kFolder + expected.find("family")->as_string() + ".json";
    Value file = parse_json(read_text(path), path);
    for (const auto& [key, value] : expected.find("patch")->as_map()) {
      if (key != "model") file.set(key, value);
      else for (const auto& [of_model, inner] : value.as_map()) file.find("model")->set(of_model, inner);
    }
    const auto tokenizer = parse_tokenizer(to_json(file), name);
    check_ids(*tokenizer, expected);
    if (expected.find("text")) check_texts(*tokenizer, expected);
  }
}

TEST_CASE("tokenizer: a family's file written again is the same tokenizer", "[core][data]") {
  for (const char* family : {"gpt2", "llama3", "qwen2", "smollm2", "gaps", "llama2", "mistral"}) {
    CAPTURE(family);
    const auto tokenizer = load_tokenizer(kFolder + family + ".json");
    const auto again = parse_tokenizer(tokenizer->to_json(), "again.json");
    CHECK(again->to_json() == tokenizer->to_json());
    for (const std::string& text : strings()) CHECK(again->encode(text, SpecialText::token) == tokenizer->encode(text, SpecialText::token));
  }
}

TEST_CASE("tokenizer: bytes that are no UTF-8 survive encoding and decoding", "[core][data]") {
  for (const char* family : {"gpt2", "llama3", "qwen2", "smollm2", "llama2", "mistral"}) {
    CAPTURE(family);
    const auto tokenizer = load_tokenizer(kFolder + family + ".json");
    for (const std::string text : {"broken \xff\xfe bytes \xc3( \xe2\x82 cut \xf0\x9f\x98 end\xc3", "\x80\x80" "abc\xc0\xaf" "def\xf5\x80\x80\x80"})
      CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
  }
}

TEST_CASE("tokenizer: bytes without a token are dropped, and everything else survives", "[core][data]") {
  TokenizerSpec spec = load_tokenizer(kFolder + "gaps.json")->spec();
  spec.unk_token.reset();
  const auto tokenizer = make_tokenizer(spec, "gaps");
  const std::vector<std::uint8_t> missing = tokenizer->missing_bytes();
  CHECK(missing == std::vector<std::uint8_t>{2, '0', 'q', 0x9f, 0xa9, 0xe2, 0xf1});
  for (const std::string& text : strings()) {
    CAPTURE(text);
    std::string kept;
    for (const char byte : text)
      if (std::find(missing.begin(), missing.end(), static_cast<std::uint8_t>(byte)) == missing.end()) kept += byte;
    CHECK(tokenizer->decode(tokenizer->encode(text)) == kept);
  }
}
