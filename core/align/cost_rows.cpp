// The row passes, written once over GCC's vector types of W bytes and compiled for 64 (AVX-512), 32 (AVX2) and 16 (SSE2 or whatever the
// target has). The compiler does not find these loops itself: an argmin with its runner-up is no reduction it knows.
#include "core/align/cost_rows.hpp"

#include <cstring>
#include <limits>

namespace symphony {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <int W>
struct Lanes {
  typedef float Floats __attribute__((vector_size(W)));
  typedef float Halves __attribute__((vector_size(W / 2)));
  typedef double Doubles __attribute__((vector_size(W)));
  typedef std::int64_t Longs __attribute__((vector_size(W)));
  static constexpr std::size_t kFloats = W / sizeof(float), kDoubles = W / sizeof(double);
};

#define SYMPHONY_INLINE [[gnu::always_inline]] inline

template <typename V, typename T>
SYMPHONY_INLINE void load(V& lanes, const T* from) {
  std::memcpy(&lanes, from, sizeof(V));
}

template <int W>
SYMPHONY_INLINE RowExtent extent(const float* costs, std::size_t size) {
  using L = Lanes<W>;
  // 0 x is NaN for an infinite or undefined x, and stays so in the sum.
  typename L::Floats low = typename L::Floats{} + costs[0], high = low, zeros{}, cost;
  std::size_t column = 0;
  for (; column + L::kFloats <= size; column += L::kFloats) {
    load(cost, costs + column);
    low = cost < low ? cost : low;
    high = cost > high ? cost : high;
    zeros += cost * 0.0f;
  }
  RowExtent result{costs[0], costs[0], true};
  const auto take = [&result](float least, float most, float zero) {
    result.low = least < result.low ? least : result.low;
    result.high = most > result.high ? most : result.high;
    result.finite &= zero == 0.0f;
  };
  for (std::size_t lane = 0; lane < L::kFloats; ++lane) take(low[lane], high[lane], zeros[lane]);
  for (; column < size; ++column) take(costs[column], costs[column], costs[column] * 0.0f);
  return result;
}

template <int W>
SYMPHONY_INLINE void block_minima(const float* costs, const float* prices, float sign, std::size_t size, float* minima) {
  using L = Lanes<W>;
  const std::size_t whole = size / kBlockColumns;
  for (std::size_t block = 0; block < whole; ++block) {
    typename L::Floats least{}, cost, price;
    const std::size_t first = block * kBlockColumns;
    load(cost, costs + first);
    load(price, prices + first);
    least = cost * sign - price;
    for (std::size_t column = first + L::kFloats; column < first + kBlockColumns; column += L::kFloats) {
      load(cost, costs + column);
      load(price, prices + column);
      const typename L::Floats value = cost * sign - price;
      least = value < least ? value : least;
    }
    float lowest = least[0];
    for (std::size_t lane = 1; lane < L::kFloats; ++lane) lowest = least[lane] < lowest ? least[lane] : lowest;
    minima[block] = lowest;
  }
  if (whole * kBlockColumns == size) return;
  float lowest = std::numeric_limits<float>::infinity();
  for (std::size_t column = whole * kBlockColumns; column < size; ++column) {
    const float value = costs[column] * sign - prices[column];
    lowest = value < lowest ? value : lowest;
  }
  minima[whole] = lowest;
}

/// Lanes of running minima with their columns and runners-up, brought together. Columns within a lane ascend, so each holds its lowest.
template <int W>
SYMPHONY_INLINE RowBest gather_lanes(const typename Lanes<W>::Doubles& best, const typename Lanes<W>::Doubles& second,
                                     const typename Lanes<W>::Longs& columns) {
  RowBest result{best[0], second[0], static_cast<std::size_t>(columns[0])};
  for (std::size_t lane = 1; lane < Lanes<W>::kDoubles; ++lane) {
    const auto column = static_cast<std::size_t>(columns[lane]);
    if (best[lane] < result.best || (best[lane] == result.best && column < result.column)) {
      const double runner_up = second[lane] < result.best ? second[lane] : result.best;
      result = {best[lane], runner_up, column};
    } else if (best[lane] < result.second) {
      result.second = best[lane];
    }
  }
  return result;
}

SYMPHONY_INLINE void take_entry(RowBest& result, double value, std::size_t column) {
  if (value < result.best) result = {value, result.best, column};
  else if (value < result.second) result.second = value;
}

template <int W>
SYMPHONY_INLINE RowBest best_two(const float* costs, const double* prices, float sign, std::size_t size) {
  using L = Lanes<W>;
  typename L::Doubles best = typename L::Doubles{} + kInfinity, second = best, price;
  typename L::Longs columns{}, now{};
  for (std::size_t lane = 0; lane < L::kDoubles; ++lane) now[lane] = static_cast<std::int64_t>(lane);
  std::size_t column = 0;
  for (; column + L::kDoubles <= size; column += L::kDoubles) {
    typename L::Halves cost;
    load(cost, costs + column);
    load(price, prices + column);
    const typename L::Doubles value = __builtin_convertvector(cost * sign, typename L::Doubles) - price;
    const auto better = value < best;
    const typename L::Doubles loser = better ? best : value;
    second = loser < second ? loser : second;
    best = better ? value : best;
    columns = better ? now : columns;
    now += static_cast<std::int64_t>(L::kDoubles);
  }
  RowBest result = gather_lanes<W>(best, second, columns);
  for (; column < size; ++column) take_entry(result, static_cast<double>(costs[column] * sign) - prices[column], column);
  return result;
}

template <int W>
SYMPHONY_INLINE RowBest relax(const float* costs, const double* prices, float sign, double shift, std::int64_t row, std::size_t size,
                              double* distance, std::int64_t* origin) {
  using L = Lanes<W>;
  typename L::Doubles best = typename L::Doubles{} + kInfinity, price, old;
  typename L::Longs columns{}, now{}, from;
  for (std::size_t lane = 0; lane < L::kDoubles; ++lane) now[lane] = static_cast<std::int64_t>(lane);
  std::size_t column = 0;
  for (; column + L::kDoubles <= size; column += L::kDoubles) {
    typename L::Halves cost;
    load(cost, costs + column);
    load(price, prices + column);
    load(old, distance + column);
    load(from, origin + column);
    const typename L::Doubles value = __builtin_convertvector(cost * sign, typename L::Doubles) - price - shift;
    const auto shorter = value < old;
    old = shorter ? value : old;
    from = shorter ? typename L::Longs{} + row : from;
    std::memcpy(distance + column, &old, sizeof(old));
    std::memcpy(origin + column, &from, sizeof(from));
    const auto better = old < best;
    best = better ? old : best;
    columns = better ? now : columns;
    now += static_cast<std::int64_t>(L::kDoubles);
  }
  RowBest result = gather_lanes<W>(best, best, columns);
  for (; column < size; ++column) {
    const double value = static_cast<double>(costs[column] * sign) - prices[column] - shift;
    if (value < distance[column]) distance[column] = value, origin[column] = row;
    take_entry(result, distance[column], column);
  }
  return result;
}

#define SYMPHONY_ROW_PASSES(NAME, TARGET, W)                                                                                     \
  TARGET RowExtent NAME##_extent(const float* costs, std::size_t size) { return extent<W>(costs, size); }                       \
  TARGET void NAME##_block_minima(const float* costs, const float* prices, float sign, std::size_t size, float* minima) {       \
    block_minima<W>(costs, prices, sign, size, minima);                                                                         \
  }                                                                                                                             \
  TARGET RowBest NAME##_best_two(const float* costs, const double* prices, float sign, std::size_t size) {                      \
    return best_two<W>(costs, prices, sign, size);                                                                              \
  }                                                                                                                             \
  TARGET RowBest NAME##_relax(const float* costs, const double* prices, float sign, double shift, std::int64_t row,             \
                              std::size_t size, double* distance, std::int64_t* origin) {                                       \
    return relax<W>(costs, prices, sign, shift, row, size, distance, origin);                                                   \
  }                                                                                                                             \
  constexpr RowPasses NAME##_passes{&NAME##_extent, &NAME##_block_minima, &NAME##_best_two, &NAME##_relax}

SYMPHONY_ROW_PASSES(plain, , 16);
#if defined(__x86_64__)
SYMPHONY_ROW_PASSES(avx2, [[gnu::target("avx2")]], 32);
SYMPHONY_ROW_PASSES(avx512, [[gnu::target("avx512f,avx512dq")]], 64);
#endif

const RowPasses& choose() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return avx512_passes;
  if (__builtin_cpu_supports("avx2")) return avx2_passes;
#endif
  return plain_passes;
}

}  // namespace

const RowPasses& row_passes() {
  static const RowPasses& passes = choose();
  return passes;
}

}  // namespace symphony
