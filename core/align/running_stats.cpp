// Streaming moments of two feature sets. With d = x - pilot, summed over n tokens,
//   mean = pilot + sum(d) / n,   var = sum(d^2) / n - (sum(d) / n)^2,   cov = sum(d_a d_b^T) / n - (sum(d_a) / n)(sum(d_b) / n)^T.
// Any constant pilot gives the same moments; the first chunk's mean keeps d small. It is rounded to float32, so that subtracting it from
// float32 values in float32 is the same subtraction in every chunk. The cross term is a float32 GEMM over at most 4096 tokens, whose rounding
// (relative 6e-8 sqrt(4096)) stays below the standard error 1 / sqrt(n) of any correlation; the chunks are summed in float64. With products in
// bfloat16 (relative rounding 2^-9 of each value) a chunk is eight times as long. Centring, rounding, sums and squares are one pass over the values.
#include "core/align/running_stats.hpp"

#include <algorithm>
#include <bit>

#include "core/base/clones.hpp"
#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/tensor/bfloat16_product.hpp"
#include "core/tensor/in_parallel.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kChunkTokens = 4096, kBfloat16ChunkTokens = 32768;  // whose cross products are summed in float32
constexpr std::int64_t kTileTokens = 1024;                                  // centred at a time, so that the copies stay small
constexpr std::int64_t kColumnBlock = 256;                                  // two float64 sums a column stay in the first-level cache
constexpr double kDeadSigma = 1e-6;                                         // of the median, methods-alignment 7.1

void check_values(const torch::Tensor& values, const char* name) {
  if (values.dim() != 2) fail<NumericError>("running moments", "{} has shape {}, expected [tokens, features]", name, shape_text(values.sizes().vec()));
}

/// The bits of the bfloat16 nearest to a number, ties to even. A NaN may become an infinity: whoever calls refuses both.
inline std::uint16_t bfloat16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline void store(float value, float& to) { to = value; }
inline void store(float value, std::uint16_t& to) { to = bfloat16_bits(value); }

/// Row-major [rows, columns] of one side: what is read, what is written, and the sums that are added to.
template <class Stored>
struct Columns {
  const float* values;
  const float* pilot;
  Stored* centred;
  double* sum;
  double* square;
  std::int64_t rows, columns;
};

/// `Rows` rows from `row` of the columns [first, last): centred = values - pilot, and its column sums and sums of squares added in float64.
template <int Rows, class Stored>
inline __attribute__((always_inline)) void centre_rows(const Columns<Stored>& side, std::int64_t row, std::int64_t first, std::int64_t last) {
  const float* __restrict values = side.values + row * side.columns;
  const float* __restrict pilot = side.pilot;
  Stored* __restrict centred = side.centred + row * side.columns;
  double *__restrict sum = side.sum, *__restrict square = side.square;
  for (std::int64_t column = first; column < last; ++column) {
    double row_sum = 0, row_square = 0;
    for (int below = 0; below < Rows; ++below) {
      const float value = values[below * side.columns + column] - pilot[column];
      store(value, centred[below * side.columns + column]);
      row_sum += static_cast<double>(value);
      row_square += static_cast<double>(value) * static_cast<double>(value);
    }
    sum[column] += row_sum;
    square[column] += row_square;
  }
}

/// The same for all rows; several at a time, so that the sums are loaded and stored less often.
template <class Stored>
inline __attribute__((always_inline)) void centre_all_rows(const Columns<Stored>& side, std::int64_t first, std::int64_t last) {
  constexpr int kRows = 8;
  std::int64_t row = 0;
  for (; row + kRows <= side.rows; row += kRows) centre_rows<kRows>(side, row, first, last);
  for (; row < side.rows; ++row) centre_rows<1>(side, row, first, last);
}

SYMPHONY_CLONES void centre_columns(const Columns<float>& side, std::int64_t first, std::int64_t last) { centre_all_rows(side, first, last); }
SYMPHONY_CLONES void centre_columns(const Columns<std::uint16_t>& side, std::int64_t first, std::int64_t last) { centre_all_rows(side, first, last); }

/// All columns, in blocks on all threads.
template <class Stored>
void centre(const Columns<Stored>& side) {
  in_parallel(static_cast<std::size_t>((side.columns + kColumnBlock - 1) / kColumnBlock), [&](std::size_t block) {
    const std::int64_t first = static_cast<std::int64_t>(block) * kColumnBlock;
    centre_columns(side, first, std::min(side.columns, first + kColumnBlock));
  });
}

}  // namespace

RunningPairMoments::RunningPairMoments(torch::ScalarType products) : products_(products) {
  if (products != torch::kFloat32 && products != torch::kBFloat16)
    fail<NumericError>("running moments", "products in {}, expected float32 or bfloat16", torch::toString(products));
}

void RunningPairMoments::Side::start(const torch::Tensor& values_TF) {
  pilot_F = values_TF.mean(0, false, torch::kFloat64).to(torch::kFloat32);
  sum_F = torch::zeros_like(pilot_F, torch::kFloat64);
  square_F = torch::zeros_like(sum_F);
}

torch::Tensor RunningPairMoments::Side::add(const torch::Tensor& values_TF, torch::ScalarType products, torch::Tensor& buffer, const char* name) {
  const torch::Tensor wide_TF = values_TF.to(torch::kFloat32).contiguous();
  torch::Tensor centred_TF;
  if (wide_TF.is_cpu()) {
    if (!buffer.defined() || buffer.size(0) < wide_TF.size(0)) buffer = torch::empty_like(wide_TF, products);
    centred_TF = buffer.narrow(0, 0, wide_TF.size(0));
    const auto columns = [&](auto* centred) {
      return Columns<std::remove_pointer_t<decltype(centred)>>{wide_TF.data_ptr<float>(), pilot_F.data_ptr<float>(), centred,
                                                               sum_F.data_ptr<double>(), square_F.data_ptr<double>(), wide_TF.size(0), wide_TF.size(1)};
    };
    if (products == torch::kBFloat16) centre(columns(static_cast<std::uint16_t*>(centred_TF.data_ptr())));
    else centre(columns(centred_TF.data_ptr<float>()));
  } else {
    centred_TF = wide_TF - pilot_F;
    sum_F += centred_TF.sum(0, false, torch::kFloat64);
    square_F += centred_TF.to(torch::kFloat64).square().sum(0);
    centred_TF = centred_TF.to(products);
  }
  // Float64 sums of float32 values are finite if and only if the values are.
  if (!square_F.isfinite().all().item<bool>()) fail<NumericError>("running moments", "{} holds a NaN or an infinity", name);
  return centred_TF;
}

void RunningPairMoments::add(const torch::Tensor& values_a, const torch::Tensor& values_b) {
  check_values(values_a, "A");
  check_values(values_b, "B");
  const std::int64_t tokens = values_a.size(0);
  if (tokens != values_b.size(0))
    fail<NumericError>("running moments", "A has {} tokens, B has {}; they must be the same tokens", tokens, values_b.size(0));
  if (tokens == 0) return;
  if (count_ == 0) {
    a_.start(values_a);
    b_.start(values_b);
    recent_ = torch::zeros({values_a.size(1), values_b.size(1)}, a_.pilot_F.options());
    cross_ = torch::zeros_like(recent_, torch::kFloat64);
  } else if (values_a.size(1) != a_.pilot_F.size(0) || values_b.size(1) != b_.pilot_F.size(0)) {
    fail<NumericError>("running moments", "got {} and {} features, the chunks before had {} and {}", values_a.size(1), values_b.size(1),
                       a_.pilot_F.size(0), b_.pilot_F.size(0));
  }
  const std::int64_t chunk = products_ == torch::kBFloat16 ? kBfloat16ChunkTokens : kChunkTokens;
  torch::Tensor buffer_a, buffer_b;
  for (std::int64_t first = 0; first < tokens; first += kTileTokens) {
    const std::int64_t size = std::min(kTileTokens, tokens - first);
    const torch::Tensor a_TF = a_.add(values_a.narrow(0, first, size), products_, buffer_a, "A");
    const torch::Tensor b_TG = b_.add(values_b.narrow(0, first, size), products_, buffer_b, "B");
    if (recent_tokens_ + size > chunk) {
      cross_ += recent_;
      recent_.zero_();
      recent_tokens_ = 0;
    }
    if (products_ == torch::kBFloat16) add_bfloat16_product(recent_, a_TF, b_TG);
    else recent_.addmm_(a_TF.t(), b_TG);
    recent_tokens_ += size;
  }
  count_ += tokens;
}

PairMoments RunningPairMoments::finish() const {
  if (count_ == 0) fail<NumericError>("running moments", "no token was added");
  const double scale = 1.0 / static_cast<double>(count_);
  const torch::Tensor shift_a = a_.sum_F * scale, shift_b = b_.sum_F * scale;
  PairMoments moments;
  moments.count = count_;
  moments.mean_a = a_.pilot_F.to(torch::kFloat64) + shift_a;
  moments.mean_b = b_.pilot_F.to(torch::kFloat64) + shift_b;
  moments.var_a = (a_.square_F * scale - shift_a.square()).clamp_min(0);
  moments.var_b = (b_.square_F * scale - shift_b.square()).clamp_min(0);
  moments.covariance = (cross_ + recent_).mul_(scale).addr_(shift_a, shift_b, 1, -1);
  return moments;
}

torch::Tensor dead_units(const torch::Tensor& variance) {
  const torch::Tensor sigma = variance.sqrt();
  return sigma <= kDeadSigma * sigma.median();
}

torch::Tensor second_moment(const PairMoments& moments) { return moments.covariance + moments.mean_a.outer(moments.mean_b); }

torch::Tensor correlation(const PairMoments& moments) {
  const torch::Tensor inverse_a = moments.var_a.rsqrt().masked_fill(dead_units(moments.var_a), 0);
  const torch::Tensor inverse_b = moments.var_b.rsqrt().masked_fill(dead_units(moments.var_b), 0);
  return moments.covariance * inverse_a.unsqueeze(1) * inverse_b.unsqueeze(0);
}

}  // namespace symphony
