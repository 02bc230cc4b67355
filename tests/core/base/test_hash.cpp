// SHA-256 against the examples of FIPS 180-4, and seeds against the documented formula computed with Python's hashlib.
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <set>

#include <unistd.h>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/seed.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

TEST_CASE("hash: the standard's examples", "[core][base]") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("hash: pieces give the hash of the whole", "[core][base]") {
  Sha256 pieces;
  pieces.update("a").update("").update("bc");
  Sha256 moved = std::move(pieces);
  CHECK(hex(moved.finish()) == sha256_hex("abc"));
  CHECK_THROWS_WITH(moved.finish(), Contains("internal error"));
}

TEST_CASE("hash: a file hashes as its bytes, across the block size", "[core][base]") {
  const auto path = std::filesystem::temp_directory_path() / ("symphony_hash_" + std::to_string(::getpid()));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1} << 18, (std::size_t{1} << 18) + 1, std::size_t{700000}}) {
    const std::string bytes(size, 'x');
    std::ofstream(path, std::ios::binary) << bytes;
    CAPTURE(size);
    CHECK(sha256_file(path) == sha256_hex(bytes));
  }
  std::filesystem::remove(path);
  CHECK_THROWS_AS(sha256_file(path), DataError);
  CHECK_THROWS_WITH(sha256_file(path), Contains("cannot be opened for hashing: No such file"));
  CHECK_THROWS_AS(sha256_file(std::filesystem::temp_directory_path()), DataError);
}

TEST_CASE("seed: the documented formula", "[core][base]") {
  CHECK(derive_seed(1, "train.code") == 8118836486497888197ULL);
  CHECK(derive_seed(18446744073709551615ULL, "") == 8653079901553058355ULL);
}

TEST_CASE("seed: roots and purposes do not run into each other", "[core][base]") {
  CHECK(std::set<std::uint64_t>{derive_seed(1, "a"), derive_seed(2, "a"), derive_seed(1, "b"), derive_seed(11, "a"), derive_seed(1, "1a")}.size() == 5);
}
