// Pieces of 4096 entries: the buffers of a few tensors fit in the first two levels of a cache. Eight partial sums a dot product, in a fixed order.
#include "core/tensor/pieces.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include <ATen/Parallel.h>

#include "core/base/clones.hpp"
#include "core/base/error.hpp"

namespace symphony {

namespace {

constexpr std::int64_t kPiece = 4096;
/// Pieces that a thread takes at a time, and whose sums are added before they are kept.
constexpr std::int64_t kPiecesATask = 64;
constexpr std::int64_t kLanes = 8;

SYMPHONY_CLONES void widen(const float* from, double* to, std::int64_t count) {
  for (std::int64_t at = 0; at < count; ++at) to[at] = static_cast<double>(from[at]);
}

SYMPHONY_CLONES void widen(const std::uint16_t* bfloat16, double* to, std::int64_t count) {
  for (std::int64_t at = 0; at < count; ++at) to[at] = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bfloat16[at]) << 16));
}

SYMPHONY_CLONES void add_scaled(double* sum, const double* values, double factor, std::int64_t count) {
  for (std::int64_t at = 0; at < count; ++at) sum[at] += factor * values[at];
}

SYMPHONY_CLONES void narrow(const double* from, float* to, std::int64_t count) {
  for (std::int64_t at = 0; at < count; ++at) to[at] = static_cast<float>(from[at]);
}

SYMPHONY_CLONES double dot(const double* a, const double* b, std::int64_t count) {
  double lanes[kLanes] = {};
  std::int64_t at = 0;
  for (; at + kLanes <= count; at += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += a[at + lane] * b[at + lane];
  double sum = ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
  for (; at < count; ++at) sum += a[at] * b[at];
  return sum;
}

/// Of an infinity or a NaN all bits of the exponent are set.
SYMPHONY_CLONES bool are_finite(const double* values, std::int64_t count) {
  constexpr std::uint64_t kExponent = std::uint64_t{0x7ff} << 52;
  std::uint64_t others = 0;
  for (std::int64_t at = 0; at < count; ++at) others |= (std::bit_cast<std::uint64_t>(values[at]) & kExponent) == kExponent;
  return others == 0;
}

/// The entries of one tensor as float64, piece by piece.
class Entries {
 public:
  explicit Entries(const torch::Tensor& tensor) : flat_(tensor.detach().contiguous().view({-1})), data_(flat_.data_ptr()), dtype_(flat_.scalar_type()) {
    SYMPHONY_ASSERT(torch::isFloatingType(dtype_) && flat_.device().is_cpu());
  }

  std::int64_t size() const { return flat_.numel(); }

  void read(std::int64_t start, std::int64_t count, double* to) const {
    switch (dtype_) {
      case torch::kFloat64: std::copy_n(static_cast<const double*>(data_) + start, count, to); break;
      case torch::kFloat32: widen(static_cast<const float*>(data_) + start, to, count); break;
      case torch::kBFloat16: widen(static_cast<const std::uint16_t*>(data_) + start, to, count); break;
      default:
        for (std::int64_t at = 0; at < count; ++at) to[at] = static_cast<double>(static_cast<float>(static_cast<const c10::Half*>(data_)[start + at]));
    }
  }

 private:
  torch::Tensor flat_;
  const void* data_;
  torch::ScalarType dtype_;
};

/// Calls body(task, start, count) for the pieces of every task, tasks on several threads, the pieces of one task in order.
template <typename Body>
void for_pieces(std::int64_t total, const Body& body) {
  constexpr std::int64_t kTask = kPiece * kPiecesATask;
  at::parallel_for(0, (total + kTask - 1) / kTask, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t task = first; task < last; ++task)
      for (std::int64_t start = task * kTask; start < std::min(total, (task + 1) * kTask); start += kPiece)
        body(task, start, std::min(kPiece, total - start));
  });
}

std::size_t num_tasks(std::int64_t total) { return static_cast<std::size_t>((total + kPiece * kPiecesATask - 1) / (kPiece * kPiecesATask)); }

/// Room for a piece of each of several tensors, one a thread.
double* scratch(std::size_t num_tensors) {
  thread_local std::vector<double> room;
  room.resize(std::max(room.size(), num_tensors * kPiece));
  return room.data();
}

}  // namespace

torch::Tensor inner_products(const std::vector<torch::Tensor>& tensors) {
  SYMPHONY_ASSERT(!tensors.empty());
  std::vector<Entries> entries;
  std::vector<std::size_t> places;
  for (std::size_t index = 0; index < tensors.size(); ++index)
    if (tensors[index].defined()) entries.emplace_back(tensors[index]), places.push_back(index);
  const std::size_t count = tensors.size(), defined = entries.size();
  const torch::Tensor result_NN = torch::zeros({static_cast<std::int64_t>(count), static_cast<std::int64_t>(count)}, torch::kFloat64);
  if (defined == 0) return result_NN;
  const std::int64_t total = entries.front().size();
  for (const Entries& one : entries) SYMPHONY_ASSERT(one.size() == total);
  std::vector<double> sums(num_tasks(total) * defined * defined, 0.0);
  for_pieces(total, [&](std::int64_t task, std::int64_t start, std::int64_t size) {
    double* const room = scratch(defined);
    double* const sums_of_task = sums.data() + static_cast<std::size_t>(task) * defined * defined;
    for (std::size_t row = 0; row < defined; ++row) {
      entries[row].read(start, size, room + row * kPiece);
      for (std::size_t column = 0; column <= row; ++column) sums_of_task[row * defined + column] += dot(room + row * kPiece, room + column * kPiece, size);
    }
  });
  double* const result = result_NN.data_ptr<double>();
  for (std::size_t task = 0; task < num_tasks(total); ++task)
    for (std::size_t row = 0; row < defined; ++row)
      for (std::size_t column = 0; column <= row; ++column) result[places[row] * count + places[column]] += sums[(task * defined + row) * defined + column];
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t column = 0; column < row; ++column) result[column * count + row] = result[row * count + column];
  return result_NN;
}

torch::Tensor weighted_sum(const std::vector<torch::Tensor>& tensors, const std::vector<double>& coefficients) {
  SYMPHONY_ASSERT(!tensors.empty());
  const torch::Tensor result = torch::empty(tensors.front().sizes(), torch::kFloat32);
  weighted_sum_into(result, tensors, coefficients);
  return result;
}

void weighted_sum_into(const torch::Tensor& result, const std::vector<torch::Tensor>& tensors, const std::vector<double>& coefficients) {
  SYMPHONY_ASSERT(tensors.size() == coefficients.size() && result.is_contiguous() && result.scalar_type() == torch::kFloat32);
  std::vector<Entries> entries;
  std::vector<double> factors;
  for (std::size_t index = 0; index < tensors.size(); ++index) {
    if (coefficients[index] == 0.0) continue;
    SYMPHONY_ASSERT(tensors[index].sizes() == result.sizes());
    entries.emplace_back(tensors[index]);
    factors.push_back(coefficients[index]);
  }
  float* const out = result.data_ptr<float>();
  for_pieces(result.numel(), [&](std::int64_t, std::int64_t start, std::int64_t size) {
    double* const sum = scratch(2);
    double* const values = sum + kPiece;
    std::fill_n(sum, size, 0.0);
    for (std::size_t index = 0; index < entries.size(); ++index) {
      entries[index].read(start, size, values);
      add_scaled(sum, values, factors[index], size);
    }
    narrow(sum, out + start, size);
  });
}

double squared_distance(const torch::Tensor& a, const torch::Tensor& b) {
  SYMPHONY_ASSERT(a.sizes() == b.sizes());
  const Entries left(a), right(b);
  std::vector<double> sums(num_tasks(left.size()), 0.0);
  for_pieces(left.size(), [&](std::int64_t task, std::int64_t start, std::int64_t size) {
    double* const difference = scratch(2);
    double* const values = difference + kPiece;
    left.read(start, size, difference);
    right.read(start, size, values);
    add_scaled(difference, values, -1.0, size);
    sums[static_cast<std::size_t>(task)] += dot(difference, difference, size);
  });
  double sum = 0.0;
  for (const double of_task : sums) sum += of_task;
  return sum;
}

bool all_finite(const TensorRows& tensor) {
  std::atomic<bool> finite{true};
  for_rows({tensor}, [&](std::int64_t, const std::vector<torch::Tensor>& parts) {
    const Entries entries(parts.front());
    for_pieces(entries.size(), [&](std::int64_t, std::int64_t start, std::int64_t size) {
      double* const values = scratch(1);
      entries.read(start, size, values);
      if (!are_finite(values, size)) finite = false;
    });
  });
  return finite;
}

}  // namespace symphony
