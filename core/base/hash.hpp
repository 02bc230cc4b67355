// SHA-256 (FIPS 180-4, by libcrypto) of bytes, files and trees.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace symphony {

using Digest = std::array<unsigned char, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text);
  Digest finish();  ///< once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string hex(const Digest& digest);
std::string sha256_hex(std::string_view text);
/// Hash of a file's bytes, read in blocks. Throws DataError when it cannot be read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace symphony
