// Proportions as cumulated weights, looked up by binary search.
#include "core/data/mixture.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"

namespace symphony {

Mixture::Mixture(std::vector<Part> parts) : parts_(std::move(parts)) {
  if (parts_.empty()) fail<ConfigError>("mixture", "got no domains, expected at least one");
  double total = 0.0;
  for (const Part& part : parts_) {
    const std::string where = fmt::format("mixture: domain '{}'", part.stream->domain);
    if (!std::isfinite(part.weight) || part.weight < 0) fail<ConfigError>(where, "got the weight {}, expected at least 0", part.weight);
    if (part.stream->part != TextPart::training) fail<DataError>(where, "got {} text, expected training text", part_name(part.stream->part));
    if (part.stream->vocab_size != vocab_size())
      fail<DataError>(where, "its tokens have a vocabulary of {}, those of '{}' one of {}", part.stream->vocab_size,
                      parts_.front().stream->domain, vocab_size());
    total += part.weight;
  }
  if (total <= 0) fail<ConfigError>("mixture", "all weights are 0, expected a positive one");
  double sum = 0.0;
  for (Part& part : parts_) {
    part.weight /= total;
    cumulated_.push_back(sum += part.weight);
  }
}

Mixture Mixture::uniform(std::vector<std::shared_ptr<const TokenStream>> streams) {
  std::vector<Part> parts;
  for (auto& stream : streams) parts.push_back({std::move(stream), 1.0});
  return Mixture(std::move(parts));
}

std::vector<std::string> Mixture::domains() const {
  std::vector<std::string> names;
  for (const Part& part : parts_) names.push_back(part.stream->domain);
  return names;
}

std::size_t Mixture::pick(double point) const {
  const auto found = std::upper_bound(cumulated_.begin(), cumulated_.end(), point);
  if (found != cumulated_.end()) return static_cast<std::size_t>(found - cumulated_.begin());
  // The cumulated weights end a rounding below 1: the last part that has any weight.
  std::size_t last = parts_.size() - 1;
  while (parts_[last].weight == 0) --last;
  return last;
}

}  // namespace symphony
