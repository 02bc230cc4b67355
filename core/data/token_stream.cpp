// File layout, little endian: "SYMTOKEN", uint32 format version, uint32 bytes a token, uint64 vocabulary size, uint64 tokens, uint32 part,
// uint32 length of the domain's name, the name, 64 hex digits of the hash, the tokens.
#include "core/data/token_stream.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

static_assert(std::endian::native == std::endian::little, "token files are little endian");

constexpr std::string_view kMagic = "SYMTOKEN";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kHashDigits = 64;
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 40;

struct Header {
  std::uint32_t version = kFormatVersion, token_bytes = 0;
  std::uint64_t vocab_size = 0, num_tokens = 0;
  std::uint32_t part = 0, name_bytes = 0;
};
static_assert(sizeof(Header) == 32 && std::is_trivially_copyable_v<Header>);

std::string hash_of(std::int64_t vocab_size, const torch::Tensor& tokens_T) {
  Sha256 hash;
  hash.update(std::to_string(vocab_size)).update("\n");
  hash.update(std::as_bytes(std::span(tokens_T.data_ptr<std::int32_t>(), static_cast<std::size_t>(tokens_T.size(0)))));
  return hex(hash.finish());
}

template <typename T>
std::string packed(const torch::Tensor& tokens_T) {
  const std::span tokens(tokens_T.data_ptr<std::int32_t>(), static_cast<std::size_t>(tokens_T.size(0)));
  std::string bytes(tokens.size() * sizeof(T), '\0');
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    const T token = static_cast<T>(tokens[at]);
    std::memcpy(bytes.data() + at * sizeof(T), &token, sizeof(T));
  }
  return bytes;
}

template <typename T>
torch::Tensor unpacked(std::string_view bytes) {
  const std::size_t count = bytes.size() / sizeof(T);
  torch::Tensor tokens_T = torch::empty({static_cast<std::int64_t>(count)}, torch::kInt);
  for (std::size_t at = 0; at < count; ++at) {
    T token;
    std::memcpy(&token, bytes.data() + at * sizeof(T), sizeof(T));
    tokens_T.data_ptr<std::int32_t>()[at] = static_cast<std::int32_t>(token);
  }
  return tokens_T;
}

}  // namespace

std::string part_name(TextPart part) { return part == TextPart::training ? "training" : "held_out"; }

TokenStream tokenize(const Tokenizer& tokenizer, const std::string& domain, TextPart part, std::string_view text) {
  if (text.empty()) fail<DataError>(fmt::format("domain '{}'", domain), "the {} text is empty", part_name(part));
  const std::vector<std::int64_t> ids = tokenizer.encode(text);
  const auto bos = tokenizer.special().bos;
  const std::int64_t lead = bos ? 1 : 0;
  torch::Tensor tokens_T = torch::empty({static_cast<std::int64_t>(ids.size()) + lead}, torch::kInt);
  auto* out = tokens_T.data_ptr<std::int32_t>();
  if (bos) *out++ = static_cast<std::int32_t>(*bos);
  std::transform(ids.begin(), ids.end(), out, [](std::int64_t id) { return static_cast<std::int32_t>(id); });
  return {domain, part, tokenizer.vocab_size(), tokens_T, hash_of(tokenizer.vocab_size(), tokens_T)};
}

void write_token_stream(const std::filesystem::path& path, const TokenStream& stream) {
  Header header;
  const bool narrow = stream.vocab_size <= std::int64_t{1} + std::numeric_limits<std::uint16_t>::max();
  header.token_bytes = narrow ? 2 : 4;
  header.vocab_size = static_cast<std::uint64_t>(stream.vocab_size);
  header.num_tokens = static_cast<std::uint64_t>(stream.size());
  header.part = static_cast<std::uint32_t>(stream.part);
  header.name_bytes = static_cast<std::uint32_t>(stream.domain.size());
  std::string bytes(kMagic);
  bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += stream.domain;
  bytes += stream.sha256;
  bytes += narrow ? packed<std::uint16_t>(stream.tokens_T) : packed<std::int32_t>(stream.tokens_T);
  atomic_write(path, bytes);
}

TokenStream read_token_stream(const std::filesystem::path& path) {
  const std::string where = path.string();
  const std::string file = read_text(path, kLargestFile);
  std::string_view rest = file;
  const auto take = [&](std::uint64_t size) {
    if (size > rest.size()) fail<DataError>(where, "the file ends {} bytes early", size - rest.size());
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  if (!rest.starts_with(kMagic)) fail<DataError>(where, "not a token stream, expected a file that begins with {}", kMagic);
  take(kMagic.size());
  Header header;
  std::memcpy(&header, take(sizeof header).data(), sizeof header);
  if (header.version != kFormatVersion) fail<DataError>(where, "format version {}, expected {}", header.version, kFormatVersion);
  if ((header.token_bytes != 2 && header.token_bytes != 4) || header.part > 1 || header.num_tokens > kLargestFile)
    fail<DataError>(where, "damaged header");
  TokenStream stream;
  stream.part = static_cast<TextPart>(header.part);
  stream.vocab_size = static_cast<std::int64_t>(header.vocab_size);
  stream.domain = std::string(take(header.name_bytes));
  stream.sha256 = std::string(take(kHashDigits));
  const std::string_view payload = take(header.num_tokens * header.token_bytes);
  if (!rest.empty()) fail<DataError>(where, "{} bytes follow the last token", rest.size());
  stream.tokens_T = header.token_bytes == 2 ? unpacked<std::uint16_t>(payload) : unpacked<std::int32_t>(payload);
  const std::string found = hash_of(stream.vocab_size, stream.tokens_T);
  if (found != stream.sha256) fail<DataError>(where, "the tokens have SHA-256 {}, the file says {}", found, quoted(stream.sha256));
  return stream;
}

}  // namespace symphony
