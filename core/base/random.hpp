// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC'11).
// A draw is a pure function of (seed, stream, index), so results do not depend on threads, chunking, LibTorch version or device.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace symphony {

/// The raw block function: 10 rounds on counter and key. Pinned by the known-answer vectors of the Random123 distribution.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A sequential view of one stream; cheap to copy, its state is its position.
class Random {
 public:
  /// `purpose` selects the stream: two purposes under one seed are independent.
  Random(std::uint64_t seed, std::string_view purpose);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform integer in [0, bound), unbiased (rejection). `bound` > 0.
  std::uint64_t below(std::uint64_t bound);
  /// Standard normal by Box-Muller in float64.
  double normal();
  /// Fisher-Yates permutation of 0..n-1.
  std::vector<std::int64_t> permutation(std::int64_t n);
  /// float32 rounding of mean + std * normal().
  void fill_normal(std::span<float> out, double mean, double std);
  void fill_uniform(std::span<float> out, double low, double high);

  /// Position in the stream, for checkpoints: restoring it continues the same draws.
  struct Position { std::uint64_t block = 0; std::uint32_t word = 4; bool has_spare = false; double spare = 0; };
  Position position() const;
  void seek(const Position& position);

 private:
  std::array<std::uint32_t, 2> key_{};
  std::uint64_t stream_ = 0;
  std::array<std::uint32_t, 4> words_{};
  Position position_;
};

}  // namespace symphony
