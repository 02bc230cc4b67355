// The tokenizers that there are: of bytes alone, and from files.
#include "core/data/tokenizer.hpp"

#include <algorithm>
#include <array>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/links.hpp"
#include "core/data/bpe_tokenizer.hpp"
#include "core/data/byte_alphabet.hpp"
#include "core/data/tokenizer_json.hpp"

namespace symphony {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;
constexpr const char* kFile = "tokenizer.json";
constexpr const char* kSentencePieceFile = "tokenizer.model";
/// What a directory whose model reads tokens may hold without the one file that is read.
constexpr const char* kOtherFiles[] = {"tokenizer_config.json", "vocab.json", "merges.txt", "vocab.txt", "special_tokens_map.json", "added_tokens.json", "tekken.json"};

}  // namespace

Tokenizer::~Tokenizer() = default;

std::size_t num_missing_bytes(const Tokenizer& tokenizer, std::string_view text) {
  std::array<bool, 256> is_missing{};
  for (const std::uint8_t byte : tokenizer.missing_bytes()) is_missing[byte] = true;
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [&](char byte) { return is_missing[static_cast<unsigned char>(byte)]; }));
}

std::shared_ptr<const Tokenizer> byte_tokenizer() {
  TokenizerSpec spec;
  const ByteLevel bytes{false, true, false};
  spec.pre_tokenizer = {bytes};
  spec.decoder = {bytes};
  for (std::size_t byte = 0; byte < 256; ++byte) spec.vocab.emplace_back(byte_alphabet()[byte], static_cast<std::int64_t>(byte));
  for (const char* content : {"<|bos|>", "<|eos|>", "<|pad|>"}) spec.added.push_back({content, static_cast<std::int64_t>(256 + spec.added.size())});
  return make_tokenizer(std::move(spec), "byte tokenizer");
}

std::shared_ptr<const Tokenizer> make_tokenizer(TokenizerSpec spec, const std::string& where) {
  return std::make_shared<BpeTokenizer>(std::move(spec), where);
}

std::shared_ptr<const Tokenizer> parse_tokenizer(std::string_view json, const std::string& where) {
  return make_tokenizer(read_tokenizer_spec(parse_json(json, where), where), where);
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path) {
  return parse_tokenizer(read_text(path, kLargestFile), path.string());
}

std::shared_ptr<const Tokenizer> load_model_tokenizer(const std::filesystem::path& directory) {
  const auto is_there = [&](const char* name) { return std::filesystem::exists(std::filesystem::symlink_status(directory / name)); };
  if (is_there(kFile)) {
    refuse_link_out(directory / kFile);
    return load_tokenizer(directory / kFile);
  }
  if (is_there(kSentencePieceFile))
    fail<DataError>(directory.string(), "has a {} but no {}, and SentencePiece models are not read; convert it with Python's transformers: "
                    "AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR)", kSentencePieceFile, kFile);
  for (const char* other : kOtherFiles)
    if (is_there(other))
      fail<DataError>(directory.string(), "has a {} but no {}, from which tokenizers are read; write it with Python's transformers: "
                      "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)", other, kFile);
  return nullptr;
}

}  // namespace symphony
