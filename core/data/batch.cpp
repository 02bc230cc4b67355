// Every step draws from a random stream named after its number: no state is carried from one step to the next.
#include "core/data/batch.hpp"

#include <algorithm>

#include "core/base/error.hpp"
#include "core/base/random.hpp"

namespace symphony {

namespace {

void copy_window(const TokenStream& stream, std::int64_t offset, std::int64_t count, std::int64_t* out) {
  const std::int32_t* tokens = stream.tokens_T.data_ptr<std::int32_t>() + offset;
  std::copy(tokens, tokens + count, out);
}

void expect_positive(std::int64_t batch_size, std::int64_t length) {
  if (batch_size < 1 || length < 1)
    fail<ConfigError>("batches", "got {} windows of {} tokens, expected at least 1 of each", batch_size, length);
}

}  // namespace

BatchSource::BatchSource(Mixture mixture, std::int64_t batch_size, std::int64_t length, std::uint64_t seed)
    : mixture_(std::move(mixture)), batch_size_(batch_size), length_(length), seed_(seed) {
  expect_positive(batch_size, length);
  for (const Mixture::Part& part : mixture_.parts())
    if (part.stream->size() < length + 1)
      fail<DataError>(fmt::format("domain '{}'", part.stream->domain), "its training text has {} tokens, expected at least {} for one window",
                      part.stream->size(), length + 1);
}

Batch BatchSource::at(std::int64_t step) const {
  Random random(seed_, fmt::format("batch.{}", step));
  Batch batch{torch::empty({batch_size_, length_ + 1}, torch::kLong), {}};
  const double start = random.uniform();
  for (std::int64_t row = 0; row < batch_size_; ++row) {
    const std::size_t domain = mixture_.pick((static_cast<double>(row) + start) / static_cast<double>(batch_size_));
    const TokenStream& stream = *mixture_.parts()[domain].stream;
    const auto offset = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(stream.size() - length_)));
    copy_window(stream, offset, length_ + 1, batch.tokens_BT.data_ptr<std::int64_t>() + row * (length_ + 1));
    batch.domains_B.push_back(static_cast<std::int64_t>(domain));
  }
  return batch;
}

CalibrationWindows calibration_windows(const std::vector<std::shared_ptr<const TokenStream>>& domains, std::int64_t tokens,
                                       std::int64_t length, std::uint64_t seed) {
  expect_positive(static_cast<std::int64_t>(domains.size()), length);
  const std::int64_t windows_each = tokens / (length * static_cast<std::int64_t>(domains.size()));
  if (windows_each < 1)
    fail<ConfigError>("calibration", "got {} tokens for {} domains, expected at least {}, one window of {} tokens a domain", tokens, domains.size(),
                      length * static_cast<std::int64_t>(domains.size()), length);
  const std::int64_t total = windows_each * static_cast<std::int64_t>(domains.size());
  CalibrationWindows result{torch::empty({total, length}, torch::kLong), {}};
  std::int64_t* out = result.tokens_NT.data_ptr<std::int64_t>();
  for (std::size_t domain_idx = 0; domain_idx < domains.size(); ++domain_idx) {
    const TokenStream& stream = *domains[domain_idx];
    const std::string where = fmt::format("calibration: domain '{}'", stream.domain);
    if (stream.part != TextPart::training) fail<DataError>(where, "got {} text, expected training text", part_name(stream.part));
    const std::int64_t slots = stream.size() / length;
    if (slots < windows_each)
      fail<DataError>(where, "its training text has {} tokens, expected at least {}", stream.size(), windows_each * length);
    const std::vector<std::int64_t> order = Random(seed, "calibration." + stream.domain).permutation(slots);
    for (std::int64_t window = 0; window < windows_each; ++window, out += length) {
      copy_window(stream, order[static_cast<std::size_t>(window)] * length, length, out);
      result.domains_N.push_back(static_cast<std::int64_t>(domain_idx));
    }
  }
  return result;
}

}  // namespace symphony
