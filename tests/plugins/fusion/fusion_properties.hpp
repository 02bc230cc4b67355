// What the tests of fusion methods share: inputs with names, random tensors, and the properties that hold for several methods.
#pragma once

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/plugin/fusion.hpp"

namespace symphony::testing {

inline torch::Tensor random_tensor(std::vector<std::int64_t> shape, std::uint64_t seed, const std::string& purpose) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
  Random(seed, purpose).fill_normal({tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}, 0.0, 1.0);
  return tensor;
}

/// Random tensors of one shape with a common part, so that angles are neither 0 nor 90 degrees.
inline std::vector<torch::Tensor> random_sources(std::size_t num_sources, std::uint64_t seed, std::vector<std::int64_t> shape = {7, 5}) {
  const torch::Tensor common = random_tensor(shape, seed, "common");
  std::vector<torch::Tensor> sources;
  for (std::size_t source_idx = 0; source_idx < num_sources; ++source_idx)
    sources.push_back((common + random_tensor(shape, seed, fmt::format("source {}", source_idx))) * (1.0 + 0.2 * static_cast<double>(source_idx)));
  return sources;
}

/// The same tensor, made when its rows are read.
inline TensorRows made_when_read(const torch::Tensor& tensor) {
  return {tensor.sizes().vec(), tensor.scalar_type(), [tensor](const torch::Tensor& index) { return tensor.index_select(0, index); }};
}

/// Fuses `sources`, named s0, s1, ..., and checks that none was modified, and that sources that are read by rows give the same.
inline torch::Tensor fuse(const Fusion& fusion, const std::vector<torch::Tensor>& sources, const torch::Tensor& base = {},
                          const std::vector<torch::Tensor>& row_masks = {}, std::size_t anchor = 0, const torch::Tensor& base_mask = {}) {
  const SpecTensor tensor{"model.layers.0.self_attn.q_proj.weight", TensorKind::attention, 0, -1, sources.front().sizes().vec()};
  std::vector<std::string> names;
  std::vector<torch::Tensor> copies;
  for (std::size_t source_idx = 0; source_idx < sources.size(); ++source_idx) {
    names.push_back(fmt::format("s{}", source_idx));
    copies.push_back(sources[source_idx].clone());
  }
  fusion.check(sources.size(), names);
  const std::vector<TensorRows> in_memory(sources.begin(), sources.end());
  const std::optional<TensorRows> base_rows = base.defined() ? std::optional<TensorRows>(base) : std::nullopt;
  const torch::Tensor result = fusion.fuse({tensor, in_memory, row_masks, base_rows, base_mask, anchor, names});
  std::vector<TensorRows> by_rows;
  for (const torch::Tensor& source : sources) by_rows.push_back(made_when_read(source));
  CHECK(torch::equal(fusion.fuse({tensor, by_rows, row_masks, base.defined() ? std::optional(made_when_read(base)) : std::nullopt, base_mask, anchor, names}), result));
  for (std::size_t source_idx = 0; source_idx < sources.size(); ++source_idx) {
    const bool unmodified = sources[source_idx].eq(copies[source_idx]).logical_or(copies[source_idx].ne(copies[source_idx])).all().item<bool>();
    CHECK(unmodified);
  }
  return result;
}

inline double relative_difference(const torch::Tensor& got, const torch::Tensor& expected) {
  return ((got - expected).norm() / expected.norm()).item<double>();
}

/// A random rotation of the columns of a [R, C] tensor.
inline torch::Tensor random_orthogonal_matrix(std::int64_t size, std::uint64_t seed) {
  return std::get<0>(at::linalg_qr(random_tensor({size, size}, seed, "rotation").to(torch::kFloat64)));
}

inline void check_copies_give_the_source(const Fusion& fusion, const torch::Tensor& base = {}) {
  for (const std::size_t num_sources : {2u, 3u, 4u, 7u}) {
    CAPTURE(num_sources);
    const torch::Tensor source = random_tensor({7, 5}, num_sources, "source");
    CHECK(torch::equal(fuse(fusion, std::vector<torch::Tensor>(num_sources, source), base), source));
  }
}

inline void check_rotation_equivariant(const Fusion& fusion, std::size_t num_sources, const torch::Tensor& base = {}) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    const torch::Tensor rotation = random_orthogonal_matrix(5, seed).to(torch::kFloat32);
    const std::vector<torch::Tensor> sources = random_sources(num_sources, seed);
    std::vector<torch::Tensor> rotated;
    for (const torch::Tensor& source : sources) rotated.push_back(source.matmul(rotation));
    const torch::Tensor rotated_base = base.defined() ? base.matmul(rotation) : base;
    CHECK(relative_difference(fuse(fusion, rotated, rotated_base), fuse(fusion, sources, base).matmul(rotation)) < 1e-6);
  }
}

/// Reversing and rotating the list of sources (with equal weights) changes nothing beyond rounding.
inline void check_order_does_not_matter(const Fusion& fusion, const torch::Tensor& base = {}) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    std::vector<torch::Tensor> sources = random_sources(4, seed);
    const torch::Tensor expected = fuse(fusion, sources, base);
    std::reverse(sources.begin(), sources.end());
    CHECK(relative_difference(fuse(fusion, sources, base), expected) < 1e-6);
    std::rotate(sources.begin(), sources.begin() + 1, sources.end());
    CHECK(relative_difference(fuse(fusion, sources, base), expected) < 1e-6);
  }
}

/// Finite results for tensors without a direction, of one entry, of one axis, and of more than one piece. The base, where one is needed, is half of the first
/// source.
inline void check_odd_tensors(const Fusion& fusion) {
  const auto fused = [&](const std::vector<torch::Tensor>& sources) {
    return fuse(fusion, sources, fusion.needs().base ? sources.front() * 0.5f : torch::Tensor{});
  };
  const torch::Tensor zero = torch::zeros({3, 2}), ones = torch::ones({3, 2});
  CHECK(torch::equal(fused({zero, zero}), zero));
  CHECK(torch::isfinite(fused({zero, ones})).all().item<bool>());
  CHECK(torch::isfinite(fused({torch::full({1, 1}, 2.0f), torch::full({1, 1}, 3.0f)})).all().item<bool>());
  const torch::Tensor gain = fused({torch::tensor({1.0f, 2.0f, 3.0f}), torch::tensor({1.1f, 2.0f, 2.9f})});
  CHECK(gain.sizes().vec() == std::vector<std::int64_t>{3});
  CHECK(torch::isfinite(gain).all().item<bool>());
  const std::vector<torch::Tensor> large = random_sources(2, 9, {700, 800});
  CHECK(torch::isfinite(fused(large)).all().item<bool>());
}

/// Sources stored in half the width, or in several widths, give what their float32 copies give, bit for bit: all rows and, without a base, rows that only some
/// hold.
inline void check_stored_types(const Fusion& fusion, const torch::Tensor& base = {}) {
  using Types = std::vector<torch::ScalarType>;
  const auto mask = [](std::vector<std::int64_t> rows) { return torch::tensor(rows, torch::kInt64).to(torch::kBool); };
  std::vector<std::vector<torch::Tensor>> masks_of_cases(1);
  if (!base.defined()) masks_of_cases.push_back({mask({1, 1, 0, 1, 1, 0, 1}), mask({1, 0, 1, 1, 1, 0, 1}), mask({1, 1, 1, 0, 1, 1, 1})});
  for (const Types& types : {Types(3, torch::kBFloat16), Types(3, torch::kHalf), Types{torch::kFloat32, torch::kBFloat16, torch::kHalf}})
    for (const auto& masks : masks_of_cases) {
      CAPTURE(types, masks.size());
      std::vector<torch::Tensor> stored = random_sources(3, 11), copies;
      for (std::size_t source_idx = 0; source_idx < stored.size(); ++source_idx) {
        stored[source_idx] = stored[source_idx].to(types[source_idx]);
        copies.push_back(stored[source_idx].to(torch::kFloat32));
      }
      const torch::Tensor stored_base = base.defined() ? base.to(types.back()) : base;
      const torch::Tensor fused = fuse(fusion, stored, stored_base, masks);
      REQUIRE(fused.scalar_type() == torch::kFloat32);
      CHECK(torch::equal(fused, fuse(fusion, copies, base.defined() ? stored_base.to(torch::kFloat32) : base, masks)));
    }
}

/// Row masks: a row of one source only is that row, whatever the others contain there.
inline void check_unique_rows_are_kept(const Fusion& fusion) {
  std::vector<torch::Tensor> sources = random_sources(2, 4, {3, 5});
  sources[1][0].fill_(std::nanf(""));
  const std::vector<torch::Tensor> masks{torch::tensor({1, 1, 0}).to(torch::kBool), torch::tensor({0, 1, 1}).to(torch::kBool)};
  const torch::Tensor fused = fuse(fusion, sources, {}, masks);
  CHECK(torch::equal(fused[0], sources[0][0]));
  CHECK(torch::equal(fused[2], sources[1][2]));
  CHECK(torch::isfinite(fused).all().item<bool>());
  CHECK_THROWS_WITH(fuse(fusion, sources, {}, {masks[0], torch::tensor({0, 1, 0}).to(torch::kBool)}), Catch::Contains("held by no source with a weight") && Catch::Contains("the first is row 2"));
}

/// Shapes that differ and NaNs are refused with the tensor's and the source's name.
inline void check_bad_sources_are_refused(const Fusion& fusion, const torch::Tensor& base = {}) {
  std::vector<torch::Tensor> sources = random_sources(2, 5);
  CHECK_THROWS_WITH(fuse(fusion, {sources[0], torch::ones({7, 6})}, base),
                    Catch::Contains("'model.layers.0.self_attn.q_proj.weight': source 's1' has shape [7, 6], source 's0' has [7, 5]"));
  sources[1][3][2] = std::nanf("");
  CHECK_THROWS_WITH(fuse(fusion, sources, base), Catch::Contains("'model.layers.0.self_attn.q_proj.weight': source 's1' holds a NaN"));
}

}  // namespace symphony::testing
