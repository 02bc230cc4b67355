// Tensors read by rows: in memory, made when read, and stretches of several.
#include <catch2/catch.hpp>

#include "core/tensor/pieces.hpp"
#include "core/tensor/tensor_rows.hpp"

using namespace symphony;

namespace {

/// Entry [row, column] is row + column / 8, made when it is read; `num_made` counts rows.
TensorRows counted(std::int64_t num_rows, std::int64_t width, std::int64_t& num_made) {
  return {{num_rows, width}, torch::kFloat32, [width, &num_made](const torch::Tensor& index) {
    num_made += index.numel();
    return index.to(torch::kFloat32).unsqueeze(1) + torch::arange(width, torch::kFloat32) / 8;
  }};
}

}  // namespace

TEST_CASE("tensor rows: a tensor in memory is looked at, not copied", "[core][tensor]") {
  const torch::Tensor tensor = torch::arange(12, torch::kFloat32).view({4, 3});
  const TensorRows rows = tensor;
  CHECK(rows.in_memory());
  CHECK(rows.whole().data_ptr() == tensor.data_ptr());
  CHECK(rows.rows(1, 2).data_ptr<float>() == tensor.data_ptr<float>() + 3);
  CHECK(rows.num_bytes() == 48);
  const TensorRows scalar = torch::tensor(2.5f);
  CHECK(scalar.num_rows() == 1);
  CHECK(all_finite(scalar));
}

TEST_CASE("tensor rows: rows that are made are made when they are read, and no others", "[core][tensor]") {
  std::int64_t num_made = 0;
  const TensorRows rows = counted(100, 4, num_made);
  CHECK_FALSE(rows.in_memory());
  CHECK(num_made == 0);
  CHECK(rows.rows(98, 2)[1][3].item<float>() == 99.375f);
  CHECK(num_made == 2);
  const TensorRows selected = rows.select(torch::tensor({90, 10, 10}));
  CHECK(selected.shape() == std::vector<std::int64_t>{3, 4});
  CHECK(selected.gather(torch::tensor({2, 0}))[1][0].item<float>() == 90.0f);
  CHECK(num_made == 4);
  CHECK(torch::equal(rows.whole().select(1, 0), torch::arange(100, torch::kFloat32)));
}

TEST_CASE("tensor rows: several are read in stretches of equal rows, once each and in order", "[core][tensor]") {
  std::int64_t num_made = 0;
  const std::int64_t num_rows = 4500, width = 1024;  // more than two stretches of half of four million entries
  const TensorRows made = counted(num_rows, width, num_made), same = made.whole();
  num_made = 0;
  std::int64_t expected = 0, stretches = 0;
  for_rows({made, same}, [&](std::int64_t first, const std::vector<torch::Tensor>& parts) {
    CHECK(first == expected);
    CHECK(torch::equal(parts[0], parts[1]));
    expected += parts[0].size(0);
    ++stretches;
  });
  CHECK(expected == num_rows);
  CHECK(num_made == num_rows);
  CHECK(stretches == 3);
  stretches = 0;
  for_rows({same, same}, [&](std::int64_t, const std::vector<torch::Tensor>&) { ++stretches; });
  CHECK(stretches == 1);
}

TEST_CASE("tensor rows: a NaN is found wherever it is made", "[core][tensor]") {
  const auto with_nan_at = [](std::int64_t bad_row) {
    return TensorRows({9000, 1024}, torch::kFloat32, [bad_row](const torch::Tensor& index) {
      return torch::where((index == bad_row).unsqueeze(1), torch::full({1, 1}, std::nanf("")), torch::zeros({1, 1})).expand({index.numel(), 1024}).contiguous();
    });
  };
  CHECK(all_finite(with_nan_at(-1)));
  for (const std::int64_t row : {0, 4095, 4096, 8999}) CHECK_FALSE(all_finite(with_nan_at(row)));
}
