// SHA-256 through libcrypto's EVP interface.
#include "core/base/hash.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include <openssl/evp.h>

#include "core/base/error.hpp"

namespace symphony {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1)
    throw Error("hash: libcrypto offers no SHA-256");
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  SYMPHONY_ASSERT(state_ != nullptr);
  SYMPHONY_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
  return *this;
}

Sha256& Sha256::update(std::string_view text) { return update(std::as_bytes(std::span(text))); }

Digest Sha256::finish() {
  SYMPHONY_ASSERT(state_ != nullptr);
  Digest digest{};
  SYMPHONY_ASSERT(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  state_.reset();
  return digest;
}

std::string hex(const Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view text) { return hex(Sha256().update(text).finish()); }

std::string sha256_file(const std::filesystem::path& path) {
  constexpr std::size_t kBlockBytes = std::size_t{1} << 18;
  std::ifstream file(path, std::ios::binary);
  if (!file) fail<DataError>(path.string(), "cannot be opened for hashing: {}", std::strerror(errno));
  Sha256 hash;
  std::vector<char> block(kBlockBytes);
  do {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash.update(std::string_view(block.data(), static_cast<std::size_t>(file.gcount())));
  } while (file);
  // A directory opens but does not read: the stream is then bad, not merely at its end.
  if (file.bad() || std::filesystem::is_directory(path)) fail<DataError>(path.string(), "cannot be read for hashing");
  return hex(hash.finish());
}

}  // namespace symphony
