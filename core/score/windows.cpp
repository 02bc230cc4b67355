// Rolling windows: window 0 scores its tokens 1.. ; each later window starts `context` tokens before the first token not scored yet.
// Bits of a token: (logsumexp(logits) - logit of the token) / ln 2.
#include "core/score/windows.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

struct Place {
  std::int64_t start, first_scored;
};

std::vector<Place> all_places(std::int64_t stream_length, std::int64_t length, std::int64_t context) {
  std::vector<Place> places{{0, 1}};
  for (std::int64_t scored = length; scored < stream_length;) {  // tokens before `scored` are done
    const std::int64_t start = std::min(scored - context, stream_length - length);
    places.push_back({start, scored - start});
    scored = start + length;
  }
  return places;
}

std::vector<Place> evenly_spaced(const std::vector<Place>& places, std::int64_t max_windows) {
  const auto total = static_cast<std::int64_t>(places.size());
  if (total <= max_windows) return places;
  std::vector<Place> chosen;
  for (std::int64_t window = 0; window < max_windows; ++window) chosen.push_back(places[static_cast<std::size_t>(window * total / max_windows)]);
  return chosen;
}

double scored_bytes(const torch::Tensor& window_T, std::int64_t first_scored, const std::vector<std::int64_t>& token_bytes_V) {
  if (token_bytes_V.empty()) return static_cast<double>(window_T.size(0) - first_scored);
  double bytes = 0.0;
  const auto tokens = window_T.accessor<std::int64_t, 1>();
  for (std::int64_t at = first_scored; at < tokens.size(0); ++at) {
    if (tokens[at] < 0 || tokens[at] >= static_cast<std::int64_t>(token_bytes_V.size()))
      fail<DataError>("windows", "token {} is outside the vocabulary of {}", tokens[at], token_bytes_V.size());
    bytes += static_cast<double>(token_bytes_V[static_cast<std::size_t>(tokens[at])]);
  }
  return bytes;
}

}  // namespace

WindowSet make_windows(const torch::Tensor& stream, std::int64_t length, std::int64_t context, std::int64_t max_windows,
                       const std::vector<std::int64_t>& token_bytes_V) {
  if (stream.dim() != 1 || stream.size(0) < 2)
    fail<DataError>("windows", "the token stream has shape {}, expected [S] with S at least 2", shape_text(stream.sizes()));
  if (context < 1 || context >= length || max_windows < 1)
    fail<DataError>("windows", "got length {}, context {} and at most {} windows, expected 1 <= context < length and at least 1 window", length,
                    context, max_windows);
  const torch::Tensor tokens_S = stream.to(torch::kLong).contiguous();
  const std::int64_t fitting = std::min(length, tokens_S.size(0));
  WindowSet windows;
  std::vector<torch::Tensor> rows;
  for (const Place& place : evenly_spaced(all_places(tokens_S.size(0), fitting, std::min(context, fitting - 1)), max_windows)) {
    rows.push_back(tokens_S.slice(0, place.start, place.start + fitting));
    windows.first_scored.push_back(place.first_scored);
    windows.bytes.push_back(scored_bytes(rows.back(), place.first_scored, token_bytes_V));
  }
  windows.tokens_NT = torch::stack(rows);
  return windows;
}

WindowSet some_windows(const WindowSet& windows, std::int64_t count) {
  if (count < 1) fail<ConfigError>("windows", "got a choice of {} windows, expected at least 1", count);
  if (windows.size() <= count) return windows;
  WindowSet chosen;
  std::vector<torch::Tensor> rows;
  for (std::int64_t window = 0; window < count; ++window) {
    const auto place = static_cast<std::size_t>(window * windows.size() / count);
    rows.push_back(windows.tokens_NT[static_cast<std::int64_t>(place)]);
    chosen.first_scored.push_back(windows.first_scored[place]);
    chosen.bytes.push_back(windows.bytes[place]);
  }
  chosen.tokens_NT = torch::stack(rows);
  return chosen;
}

std::string window_hash(const WindowSet& windows) {
  const torch::Tensor tokens_NT = windows.tokens_NT.to(torch::kCPU, torch::kInt64).contiguous();
  Sha256 hash;
  hash.update(shape_text(tokens_NT.sizes()));  // the same tokens cut elsewhere are other windows
  hash.update(std::as_bytes(std::span(tokens_NT.data_ptr<std::int64_t>(), static_cast<std::size_t>(tokens_NT.numel()))));
  hash.update(std::as_bytes(std::span(windows.first_scored)));
  hash.update(std::as_bytes(std::span(windows.bytes)));
  return hex(hash.finish());
}

std::vector<double> window_bits(const Predictor& predictor, const WindowSet& windows, std::int64_t batch_size) {
  if (batch_size < 1) fail<ConfigError>("windows", "got a batch of {} windows, expected at least 1", batch_size);
  const torch::NoGradGuard no_grad;
  std::vector<double> bits;
  for (std::int64_t first = 0; first < windows.size(); first += batch_size) {
    const torch::Tensor tokens_BT = windows.tokens_NT.slice(0, first, std::min(first + batch_size, windows.size()));
    const torch::Tensor inputs_BT = tokens_BT.slice(1, 0, -1).contiguous();
    const torch::Tensor logits_BTV = predictor.forward(inputs_BT, positions_for(inputs_BT));
    const torch::Tensor targets_BT1 = tokens_BT.slice(1, 1).to(logits_BTV.device()).unsqueeze(2);
    const torch::Tensor nats_BT = (logits_BTV.logsumexp(2) - logits_BTV.gather(2, targets_BT1).squeeze(2)).to(torch::kCPU, torch::kDouble).contiguous();
    const auto nats = nats_BT.accessor<double, 2>();
    for (std::int64_t row = 0; row < nats.size(0); ++row) {
      const std::int64_t first_scored = windows.first_scored[static_cast<std::size_t>(first + row)];
      double sum = 0.0;
      for (std::int64_t column = first_scored - 1; column < nats.size(1); ++column) sum += nats[row][column];  // column t predicts token t + 1
      if (!std::isfinite(sum)) fail<NumericError>("windows", "the bits of window {} are {}, expected a finite number", first + row, sum);
      bits.push_back(sum / std::numbers::ln2);
    }
  }
  return bits;
}

}  // namespace symphony
