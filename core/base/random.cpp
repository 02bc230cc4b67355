// Philox4x32-10 (Salmon et al. 2011, SC'11, section 3.3 and table 2) and what is drawn from it. The counter is (block, stream), the key
// the seed; the stream is the head of the purpose's SHA-256.
#include "core/base/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

namespace symphony {

namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;  // golden ratio and sqrt(3) - 1
constexpr int kRounds = 10;
constexpr double kTwoToMinus53 = 0x1.0p-53;

constexpr std::uint32_t low_word(std::uint64_t wide) { return static_cast<std::uint32_t>(wide); }
constexpr std::uint32_t high_word(std::uint64_t wide) { return static_cast<std::uint32_t>(wide >> 32); }

std::uint64_t stream_of(std::string_view purpose) {
  const Digest digest = Sha256().update(purpose).finish();
  std::uint64_t stream = 0;
  for (std::size_t byte_idx = 8; byte_idx-- > 0;) stream = stream << 8 | digest[byte_idx];
  return stream;
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kMultiplier1} * counter[2];
    counter = {high_word(product1) ^ counter[1] ^ key[0], low_word(product1), high_word(product0) ^ counter[3] ^ key[1], low_word(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

Random::Random(std::uint64_t seed, std::string_view purpose) : key_{low_word(seed), high_word(seed)}, stream_(stream_of(purpose)) {}

std::uint32_t Random::next_u32() {
  if (position_.word == words_.size()) {
    words_ = philox4x32({low_word(position_.block), high_word(position_.block), low_word(stream_), high_word(stream_)}, key_);
    ++position_.block;
    position_.word = 0;
  }
  return words_[position_.word++];
}

std::uint64_t Random::next_u64() {
  const std::uint64_t low = next_u32();
  return low | std::uint64_t{next_u32()} << 32;
}

double Random::uniform() { return static_cast<double>(next_u64() >> 11) * kTwoToMinus53; }

std::uint64_t Random::below(std::uint64_t bound) {
  SYMPHONY_ASSERT(bound > 0);
  // 2^64 mod bound: the draws below it would make the small residues more likely.
  const std::uint64_t surplus = (0 - bound) % bound;
  for (;;) {
    const std::uint64_t draw = next_u64();
    if (draw >= surplus) return draw % bound;
  }
}

double Random::normal() {
  if (position_.has_spare) {
    position_.has_spare = false;
    return position_.spare;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // 1 - u lies in (0, 1], where the logarithm is finite
  const double angle = 2.0 * std::numbers::pi * uniform();
  position_.spare = radius * std::sin(angle);
  position_.has_spare = true;
  return radius * std::cos(angle);
}

std::vector<std::int64_t> Random::permutation(std::int64_t n) {
  SYMPHONY_ASSERT(n >= 0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t last = order.size(); last > 1; --last) std::swap(order[last - 1], order[below(last)]);
  return order;
}

void Random::fill_normal(std::span<float> out, double mean, double std) {
  for (float& value : out) value = static_cast<float>(mean + std * normal());
}

void Random::fill_uniform(std::span<float> out, double low, double high) {
  const auto limit = static_cast<float>(high);
  for (float& value : out) {
    value = static_cast<float>(low + (high - low) * uniform());
    // Rounding to float32 can reach `high`, which the half-open interval leaves out.
    if (value >= limit && low < high) value = std::nextafter(limit, static_cast<float>(low));
  }
}

Random::Position Random::position() const { return position_; }

void Random::seek(const Position& position) {
  SYMPHONY_ASSERT(position.word <= words_.size() && (position.word == words_.size() || position.block > 0));
  position_ = position;
  if (position.word == words_.size()) return;
  const std::uint64_t block = position.block - 1;  // the block that the remaining words belong to
  words_ = philox4x32({low_word(block), high_word(block), low_word(stream_), high_word(stream_)}, key_);
}

}  // namespace symphony
