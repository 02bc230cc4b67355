// Activation statistics against two-pass sums, raw tokens, and fp16 rounding.
#include <cmath>
#include <filesystem>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/log/activation_statistics.hpp"
#include "core/log/activations.hpp"
#include "core/log/half.hpp"
#include "core/log/run_file.hpp"
#include "core/log/run_reader.hpp"
#include "sample_run.hpp"
#include "temporary_folder.hpp"

using namespace symphony;
using Catch::Contains;

namespace {

RunReader absorbed(const TemporaryFolder& folder) {
  RunFile::create(folder / "run.h5", sample_info("r", "v")).absorb(folder / "record.h5", "x");
  return RunReader(folder / "run.h5");
}

ActivationOptions options(bool half, std::size_t tokens) { return {{{"residual", 5}}, {0, 7}, {"code", "scripture"}, tokens, half}; }

}  // namespace

TEST_CASE("log: streamed statistics equal two-pass sums, however the rows are cut", "[core][log]") {
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  const std::size_t rows = 301, features = 5;
  std::vector<float> values(rows * features);
  Random(seed, "activations").fill_normal(values, 1000.0, 0.5);  // a large mean: naive sums of squares in float32 would fail
  values[3] = 0.0F;
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    ActivationLog log(record, "activations", options(false, 0));
    log.add({0, 7, 0}, std::span(values).first(features * 100), 0);
    log.add({0, 7, 0}, std::span(values).subspan(features * 100), 100);
    log.finish();
  }
  const RunReader run = absorbed(folder);
  double total = 0.0, squares = 0.0, fourth = 0.0, abs_max = 0.0;
  std::size_t where = 0;
  for (const float value : values) total += value;
  const double mean = total / static_cast<double>(values.size());
  for (std::size_t index = 0; index < values.size(); ++index) {
    squares += std::pow(values[index] - mean, 2);
    fourth += std::pow(values[index] - mean, 4);
    if (std::abs(static_cast<double>(values[index])) > abs_max) abs_max = std::abs(static_cast<double>(values[index])), where = index;
  }
  const auto at = [&](const char* name, std::size_t index) { return run.values(std::string("x/activations/residual/") + name)[index]; };
  CHECK(at("count", 2) == rows);  // [layer 1, domain 0] of 2 x 2
  CHECK(at("mean", 2) == Approx(mean).epsilon(1e-7));
  CHECK(at("variance", 2) == Approx(squares / static_cast<double>(values.size())).epsilon(1e-6));
  CHECK(at("second_moment", 2) == Approx(mean * mean + squares / static_cast<double>(values.size())).epsilon(1e-6));
  CHECK(at("kurtosis", 2) == Approx(fourth * static_cast<double>(values.size()) / (squares * squares)).epsilon(1e-6));
  CHECK(at("abs_max", 2) == abs_max);
  CHECK(at("abs_max_token", 2) == static_cast<double>(where / features));
  CHECK(at("abs_max_feature", 2) == static_cast<double>(where % features));
  CHECK(at("zero_share", 2) == Approx(1.0 / static_cast<double>(values.size())));
  for (std::size_t feature = 0; feature < features; ++feature) {
    double sum = 0.0, deviations = 0.0;
    for (std::size_t row = 0; row < rows; ++row) sum += values[row * features + feature];
    for (std::size_t row = 0; row < rows; ++row) deviations += std::pow(values[row * features + feature] - sum / rows, 2);
    CHECK(at("feature_mean", 2 * features + feature) == Approx(sum / rows).epsilon(1e-7));
    CHECK(at("feature_variance", 2 * features + feature) == Approx(deviations / rows).epsilon(1e-6));
    CHECK(at("feature_second_moment", 2 * features + feature) == Approx(deviations / rows + std::pow(sum / rows, 2)).epsilon(1e-6));
  }
}

TEST_CASE("log: what no token reached is NaN, not zero", "[core][log]") {
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    ActivationLog log(record, "activations", options(true, 2));
    log.token_ids(0, std::vector<std::int64_t>{9});
    log.add({0, 0, 0}, std::vector<float>{1, 2, 3, 4, 5}, 1);
    log.finish();
  }
  const RunReader run = absorbed(folder);
  CHECK(run.values("x/activations/residual/count") == std::vector<double>{1, 0, 0, 0});
  for (const char* name : {"mean", "variance", "abs_max", "zero_share"}) CHECK(std::isnan(run.values(std::string("x/activations/residual/") + name)[1]));
  const std::vector<double> raw = run.values("x/activations/residual/raw");
  CHECK(std::isnan(raw[0]));
  CHECK(std::vector<double>(raw.begin() + 5, raw.begin() + 10) == std::vector<double>{1, 2, 3, 4, 5});
  CHECK(run.values("x/activations/token_ids") == std::vector<double>{9, -1, -1, -1});
}

TEST_CASE("log: raw activations stay within the token budget, given in order or by token", "[core][log]") {
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    ActivationLog log(record, "activations", options(false, 2));
    std::vector<float> four_rows(20);
    for (std::size_t index = 0; index < 20; ++index) four_rows[index] = 0.1F * static_cast<float>(index);
    log.add({0, 0, 0}, four_rows, 0);
    log.add({0, 7, 1}, four_rows, std::vector<std::int64_t>{5, 1, 8, 0});
    log.finish();
  }
  const std::vector<double> raw = absorbed(folder).values("x/activations/residual/raw");
  REQUIRE(raw.size() == 2 * 2 * 2 * 5);
  CHECK(raw[6] == 0.1F * 6);
  CHECK(raw[30] == 0.1F * 15);  // layer 1, domain 1, token 0 was the fourth row
  CHECK(raw[35] == 0.1F * 5);   // token 1 the second
}

TEST_CASE("log: an expert's rows keep their tokens, statistics count only what it saw", "[core][log]") {
  const TemporaryFolder folder;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    ActivationOptions wanted = options(false, 4);
    wanted.sites = {{"ffn_hidden", 2, {7}, {"0 code", "1 scripture"}}, {"router_choices", 1, {}, {}, true}};
    ActivationLog log(record, "activations", wanted);
    log.add({0, 7, 0, 1}, std::vector<float>{1, 2, 3, 4}, std::vector<std::int64_t>{2, 0});
    log.add({0, 7, 0, 1}, std::vector<float>{5, -6}, std::vector<std::int64_t>{9});
    log.add({0, 7, 0, 0}, {}, std::vector<std::int64_t>{});
    log.add({1, 0, 1}, std::vector<float>{1, 0}, 0);
    log.finish();
    CHECK_THROWS_WITH(log.add({0, 7, 0, 2}, std::vector<float>{1, 2}, 0), Contains("expert 2"));
  }
  const RunReader run = absorbed(folder);
  CHECK(run.shape("x/activations/ffn_hidden/raw") == std::vector<std::uint64_t>{1, 2, 2, 4, 2});
  CHECK(run.values("x/activations/ffn_hidden/count") == std::vector<double>{0, 0, 3, 0});  // [layer, expert, domain]
  CHECK(run.values("x/activations/ffn_hidden/mean")[2] == 1.5);
  CHECK(run.values("x/activations/ffn_hidden/abs_max_token") == std::vector<double>{-1, -1, 9, -1});
  const std::vector<double> raw = run.values("x/activations/ffn_hidden/raw");
  CHECK(std::vector<double>(raw.begin() + 16, raw.begin() + 18) == std::vector<double>{3, 4});  // expert 1, domain 0, token 0
  CHECK(std::isnan(raw[18]));                                                                    // token 1 went elsewhere
  CHECK(std::vector<double>(raw.begin() + 20, raw.begin() + 22) == std::vector<double>{1, 2});
  CHECK(run.labels("x/activations/ffn_hidden/expert") == std::vector<std::string>{"0 code", "1 scripture"});
  CHECK_FALSE(run.has("x/activations/router_choices/mean"));  // a mean of indices says nothing
  CHECK(run.values("x/activations/router_choices/count") == std::vector<double>{0, 2, 0, 0});
}

TEST_CASE("log: statistics merge to the same numbers whatever the blocks", "[core][log]") {
  const std::uint64_t seed = 11;
  CAPTURE(seed);
  const std::size_t rows = 700, features = 130;  // more than a block of rows, more than two strips of features
  std::vector<float> values(rows * features);
  Random(seed, "blocks").fill_normal(values, -3.0, 2.0);
  for (std::size_t index = 0; index < values.size(); index += 97) values[index] *= 40.0F;  // heavy tails
  ActivationStatistics whole(features), pieces(features);
  REQUIRE(whole.add(values, 0));
  for (std::size_t row = 0; row < rows;) {
    const std::size_t count = std::min(rows - row, 1 + row % 13);
    REQUIRE(pieces.add(std::span(values).subspan(row * features, count * features), static_cast<std::int64_t>(row)));
    row += count;
  }
  for (const auto& statistic : {&ActivationStatistics::mean, &ActivationStatistics::variance, &ActivationStatistics::second_moment, &ActivationStatistics::kurtosis})
    CHECK((pieces.*statistic)() == Approx((whole.*statistic)()).epsilon(1e-10));
  CHECK(whole.kurtosis() > 20.0);
  CHECK(pieces.peak().token == whole.peak().token);
  CHECK(pieces.peak().feature == whole.peak().feature);
  for (std::size_t feature = 0; feature < features; ++feature) CHECK(pieces.feature_variance(feature) == Approx(whole.feature_variance(feature)).epsilon(1e-10));
  ActivationStatistics normal(1);
  std::vector<float> draws(200'000);
  Random(seed, "normal").fill_normal(draws, 5.0, 0.1);
  REQUIRE(normal.add(draws, 0));
  CHECK(normal.kurtosis() == Approx(3.0).margin(0.05));  // four standard errors, sqrt(24 / n)
  std::vector<float> bad(features, 1.0F);
  bad[64] = std::nanf("");
  CHECK_FALSE(pieces.add(bad, 0));
  CHECK(pieces.count() == static_cast<std::int64_t>(rows));
}

TEST_CASE("log: the estimate of bytes is what the datasets hold", "[core][log]") {
  const TemporaryFolder folder;
  ActivationOptions wanted = options(true, 300);
  wanted.sites = {{"residual", 96}, {"ffn_hidden", 256, {7}, {"a", "b"}}, {"router_choices", 2, {}, {}, true}};
  const ActivationBytes bytes = activation_bytes(wanted);
  std::uint64_t empty = 0;
  {
    RecordFile record = RecordFile::create(folder / "record.h5");
    record.flush();
    empty = std::filesystem::file_size(folder / "record.h5");
    ActivationLog log(record, "", wanted);
    const std::vector<float> rows(300 * 256, 1.0F);
    for (const std::size_t domain : {0, 1}) {
      for (const std::size_t layer : {0, 7}) {
        log.add({0, layer, domain}, std::span(rows).first(300 * 96), 0);
        log.add({2, layer, domain}, std::span(rows).first(600), 0);
      }
      for (const std::size_t expert : {0, 1}) log.add({1, 7, domain, expert}, rows, 0);
    }
    log.finish();
  }
  const double written = static_cast<double>(std::filesystem::file_size(folder / "record.h5") - empty);
  CAPTURE(written, bytes.raw, bytes.statistics);
  CHECK(written / static_cast<double>(bytes.raw + bytes.statistics) == Approx(1.0).margin(0.1));  // HDF5's own headers, scales and indices
}

TEST_CASE("log: activations that are not finite, or beyond fp16, stop the run with a place", "[core][log]") {
  const TemporaryFolder folder;
  RecordFile record = RecordFile::create(folder / "record.h5");
  ActivationLog log(record, "half", options(true, 2));
  CHECK_THROWS_WITH(log.add({0, 7, 0}, std::vector<float>{1, 2, 3, 70000, 5}, 0), Contains("layer 7, domain 'code', row 0, feature 3: got 70000") && Contains("fp32"));
  CHECK_THROWS_AS(log.add({0, 7, 0}, std::vector<float>{1, 2, 3, std::nanf(""), 5}, 0), NumericError);
  CHECK_THROWS_WITH(log.add({0, 7, 0}, std::vector<float>{1, 2}, 0), Contains("rows of 5 features"));
  CHECK_THROWS_AS(log.add({0, 2, 0}, std::vector<float>(5), 0), DataError);
  ActivationLog single(record, "single", options(false, 2));
  CHECK_NOTHROW(single.add({0, 7, 0}, std::vector<float>{1, 2, 3, 70000, 5}, 0));
}

TEST_CASE("log: halves round to nearest, ties to even", "[core][log]") {
  CHECK(half_from_float(0.0F) == 0x0000);
  CHECK(half_from_float(-0.0F) == 0x8000);
  CHECK(half_from_float(1.0F) == 0x3c00);
  CHECK(half_from_float(-2.0F) == 0xc000);
  CHECK(half_from_float(65504.0F) == 0x7bff);
  CHECK(half_from_float(65519.0F) == 0x7bff);
  CHECK(half_from_float(65520.0F) == 0x7c00);
  CHECK(half_from_float(1.0F + 0x1p-11F) == 0x3c00);              // a tie goes to the even neighbour below
  CHECK(half_from_float(1.0F + 0x3p-11F) == 0x3c02);              // and above
  CHECK(half_from_float(0x1p-24F) == 0x0001);                     // the smallest subnormal
  CHECK(half_from_float(0x1p-25F) == 0x0000);
  CHECK(half_from_float(0x1.8p-25F) == 0x0001);
  CHECK(half_from_float(0x1.ff8p-15F) == 0x03ff);                 // the largest subnormal
  CHECK(half_from_float(0x1.ffcp-15F) == 0x0400);                 // a tie with the smallest normal
  CHECK(half_from_float(std::nanf("")) == 0x7e00);
}
