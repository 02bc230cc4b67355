// The tokenizers that there are: of bytes alone, and from files.
#include "core/data/tokenizer.hpp"

#include <algorithm>
#include <array>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/data/bpe_tokenizer.hpp"
#include "core/data/byte_alphabet.hpp"
#include "core/data/tokenizer_json.hpp"

namespace symphony {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;
constexpr const char* kFile = "tokenizer.json";
constexpr const char* kSentencePieceFile = "tokenizer.model";

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
  if (std::filesystem::exists(directory / kFile)) return load_tokenizer(directory / kFile);
  if (std::filesystem::exists(directory / kSentencePieceFile))
    fail<DataError>(directory.string(), "has a {} but no {}, and SentencePiece models are not read; convert it with Python's transformers: "
                    "AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR)", kSentencePieceFile, kFile);
  return nullptr;
}

}  // namespace symphony
