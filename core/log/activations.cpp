// See the header. One group a site:
//   count, mean, variance, abs_max, zero_share  [layer, domain]            over all values of all tokens
//   feature_mean, feature_variance              [layer, domain, feature]   over all tokens
//   raw                                         [layer, domain, token, feature]; never written: NaN
//   token_ids                                   [domain, token]
#include "core/log/activations.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/log/axis_scale.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/half.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

/// Streaming moments of each feature, and what needs no centring.
struct Moments {
  std::int64_t count = 0;  ///< rows
  std::int64_t zeros = 0;  ///< values
  double abs_max = 0.0;
  std::vector<double> mean_F;
  std::vector<double> squares_F;  ///< sum of squared deviations from the mean

  explicit Moments(std::size_t features) : mean_F(features, 0.0), squares_F(features, 0.0) {}

  void add(std::span<const float> row_F) {
    count += 1;
    const double weight = 1.0 / static_cast<double>(count);
    for (std::size_t feature = 0; feature < row_F.size(); ++feature) {
      const double value = row_F[feature];
      const double delta = value - mean_F[feature];
      mean_F[feature] += delta * weight;
      squares_F[feature] += delta * (value - mean_F[feature]);
      abs_max = std::max(abs_max, std::abs(value));
      zeros += value == 0.0 ? 1 : 0;
    }
  }
};

struct SiteState {
  std::vector<Moments> moments;  ///< [layer, domain]
  H5Group group;
  H5Dataset raw;
};

}  // namespace

struct ActivationLog::State {
  RecordFile* file = nullptr;
  std::string group;
  ActivationOptions options;
  std::vector<SiteState> sites;
  std::vector<std::uint16_t> half_buffer;
  bool finished = false;

  RecordAxis layer_axis() const {
    return {layout::kLayer, options.layers.size(), {}, std::vector<double>(options.layers.begin(), options.layers.end())};
  }
  RecordAxis domain_axis() const { return {layout::kDomain, options.domains.size(), options.domains, {}}; }
  RecordAxis token_axis() const { return {layout::kToken, options.tokens, {}, {}}; }
  RecordAxis feature_axis(std::size_t site_idx) const { return {layout::kFeature, options.sites[site_idx].features, {}, {}}; }
  std::string name(std::size_t site_idx, const char* leaf) const { return group + "/" + options.sites[site_idx].name + "/" + leaf; }

  void create_site(std::size_t site_idx);
  std::size_t check(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF) const;
  void accumulate(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF);
  void write_raw(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::size_t first_token, std::span<const float> values_TF);
  void write_statistics(std::size_t site_idx);
};

void ActivationLog::State::create_site(std::size_t site_idx) {
  const ActivationSite& site = options.sites[site_idx];
  SiteState state;
  state.moments.assign(options.layers.size() * options.domains.size(), Moments(site.features));
  state.group = h5::require_group(file->id(), group + "/" + site.name);
  if (options.tokens > 0) {
    const RecordAxis axes[] = {layer_axis(), domain_axis(), token_axis(), feature_axis(site_idx)};
    const H5Type type = options.half ? h5::half_type() : H5Type(H5Tcopy(H5T_IEEE_F32LE));
    // A chunk holds tokens of one layer and one domain: that is what is written and read together.
    const hsize_t rows_a_chunk = std::clamp<hsize_t>(512 * 1024 / (H5Tget_size(type.id()) * std::max<std::size_t>(site.features, 1)), 1, options.tokens);
    const hsize_t chunk[] = {1, 1, rows_a_chunk, std::max<hsize_t>(site.features, 1)};
    state.raw = create_on_axes(state.group.id(), layout::kRaw, type.id(), axes, chunk);
    describe_dataset(state.raw.id(), {layout::kRaw, "1", "activations of the first probe tokens; NaN where a token was not seen here"});
  }
  sites.push_back(std::move(state));
}

/// Returns the number of rows after refusing what does not fit or is not finite.
std::size_t ActivationLog::State::check(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF) const {
  if (finished || site_idx >= sites.size() || layer_idx >= options.layers.size() || domain_idx >= options.domains.size())
    fail<DataError>(group, "got site {}, layer {}, domain {}, expected indices below {}, {}, {} before finish()", site_idx, layer_idx, domain_idx,
                    sites.size(), options.layers.size(), options.domains.size());
  const ActivationSite& site = options.sites[site_idx];
  if (site.features == 0 || values_TF.size() % site.features != 0)
    fail<DataError>(name(site_idx, "add"), "got {} values, expected rows of {} features", values_TF.size(), site.features);
  const float limit = options.half && options.tokens > 0 ? kLargestHalf : std::numeric_limits<float>::max();
  for (std::size_t index = 0; index < values_TF.size(); ++index)
    if (!(std::abs(values_TF[index]) <= limit))
      fail<NumericError>(name(site_idx, "add"), "layer {}, domain {}, row {}, feature {}: got {}, expected a finite activation of at most {}{}",
                         options.layers[layer_idx], symphony::quoted(options.domains[domain_idx]), index / site.features, index % site.features,
                         values_TF[index], limit, limit == kLargestHalf ? " (fp16; store fp32 instead)" : "");
  return values_TF.size() / site.features;
}

void ActivationLog::State::accumulate(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF) {
  const std::size_t features = options.sites[site_idx].features;
  Moments& moments = sites[site_idx].moments[layer_idx * options.domains.size() + domain_idx];
  for (std::size_t start = 0; start < values_TF.size(); start += features) moments.add(values_TF.subspan(start, features));
}

void ActivationLog::State::write_raw(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::size_t first_token,
                                     std::span<const float> values_TF) {
  const std::size_t features = options.sites[site_idx].features;
  if (first_token >= options.tokens) return;
  const std::size_t rows = std::min(values_TF.size() / features, options.tokens - first_token);
  const hsize_t start[] = {layer_idx, domain_idx, first_token, 0};
  const hsize_t count[] = {1, 1, rows, features};
  const H5Dataset& raw = sites[site_idx].raw;
  if (!options.half) return h5::write_block(raw.id(), start, count, H5T_NATIVE_FLOAT, values_TF.data());
  half_buffer.resize(rows * features);
  std::transform(values_TF.begin(), values_TF.begin() + static_cast<std::ptrdiff_t>(half_buffer.size()), half_buffer.begin(), half_from_float);
  h5::write_block(raw.id(), start, count, h5::half_type().id(), half_buffer.data());
}

void ActivationLog::State::write_statistics(std::size_t site_idx) {
  const std::size_t features = options.sites[site_idx].features;
  std::vector<float> mean, variance, abs_max, zero_share, feature_mean, feature_variance;
  std::vector<std::int64_t> count;
  for (const Moments& moments : sites[site_idx].moments) {
    // Over all values: the variance within features plus the variance of the features' means.
    const double rows = static_cast<double>(moments.count);
    const double seen = moments.count > 0 ? 1.0 : std::nan("");  // nothing was seen: NaN, not zero
    double mean_sum = 0.0, within = 0.0, between = 0.0;
    for (std::size_t feature = 0; feature < features; ++feature) {
      mean_sum += moments.mean_F[feature];
      within += moments.squares_F[feature] / rows;
      feature_mean.push_back(static_cast<float>(seen * moments.mean_F[feature]));
      feature_variance.push_back(static_cast<float>(moments.squares_F[feature] / rows));
    }
    const double overall_mean = mean_sum / static_cast<double>(features);
    for (const double feature : moments.mean_F) between += (feature - overall_mean) * (feature - overall_mean);
    count.push_back(moments.count);
    mean.push_back(static_cast<float>(seen * overall_mean));
    variance.push_back(static_cast<float>((within + between) / static_cast<double>(features)));
    abs_max.push_back(static_cast<float>(seen * moments.abs_max));
    zero_share.push_back(static_cast<float>(static_cast<double>(moments.zeros) / (rows * static_cast<double>(features))));
  }
  const RecordAxis pair[] = {layer_axis(), domain_axis()};
  const RecordAxis triple[] = {layer_axis(), domain_axis(), feature_axis(site_idx)};
  file->array_i64({name(site_idx, layout::kCount), "tokens", "tokens that the statistics rest on"}, pair, count);
  file->array({name(site_idx, layout::kMean), "1", "mean over tokens and features"}, pair, mean);
  file->array({name(site_idx, layout::kVariance), "1", "variance over tokens and features"}, pair, variance);
  file->array({name(site_idx, layout::kAbsMax), "1", "largest magnitude"}, pair, abs_max);
  file->array({name(site_idx, layout::kZeroShare), "1", "share of values that are exactly zero"}, pair, zero_share);
  file->array({name(site_idx, layout::kFeatureMean), "1", "mean over tokens"}, triple, feature_mean);
  file->array({name(site_idx, layout::kFeatureVariance), "1", "variance over tokens"}, triple, feature_variance);
}

ActivationLog::ActivationLog(RecordFile& file, std::string group, ActivationOptions options) : state_(std::make_unique<State>()) {
  state_->file = &file;
  state_->group = std::move(group);
  state_->options = std::move(options);
  for (std::size_t site_idx = 0; site_idx < state_->options.sites.size(); ++site_idx) state_->create_site(site_idx);
  if (state_->options.tokens == 0) return;
  const H5Group top = h5::require_group(file.id(), state_->group);
  const RecordAxis axes[] = {state_->domain_axis(), state_->token_axis()};
  const H5Dataset ids = create_on_axes(top.id(), layout::kTokenIds, H5T_STD_I64LE, axes);
  describe_dataset(ids.id(), {layout::kTokenIds, "1", "the probe tokens whose activations are kept; -1 beyond a domain's text"});
  const std::vector<std::int64_t> missing(state_->options.domains.size() * state_->options.tokens, -1);
  h5::write(ids.id(), H5T_NATIVE_INT64, missing.data());
}

ActivationLog::ActivationLog(ActivationLog&&) noexcept = default;
ActivationLog::~ActivationLog() = default;

void ActivationLog::token_ids(std::size_t domain_idx, std::span<const std::int64_t> ids) {
  if (state_->options.tokens == 0) return;
  const H5Dataset dataset = h5::open_dataset(state_->file->id(), state_->group + "/" + layout::kTokenIds);
  const hsize_t start[] = {domain_idx, 0};
  const hsize_t count[] = {1, std::min(ids.size(), state_->options.tokens)};
  h5::write_block(dataset.id(), start, count, H5T_NATIVE_INT64, ids.data());
}

void ActivationLog::add(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF, std::size_t first_token) {
  state_->check(site_idx, layer_idx, domain_idx, values_TF);
  state_->accumulate(site_idx, layer_idx, domain_idx, values_TF);
  state_->write_raw(site_idx, layer_idx, domain_idx, first_token, values_TF);
}

void ActivationLog::add(std::size_t site_idx, std::size_t layer_idx, std::size_t domain_idx, std::span<const float> values_TF,
                        std::span<const std::int64_t> tokens) {
  const std::size_t rows = state_->check(site_idx, layer_idx, domain_idx, values_TF);
  if (rows != tokens.size()) fail<DataError>(state_->name(site_idx, "add"), "got {} rows for {} token indices", rows, tokens.size());
  state_->accumulate(site_idx, layer_idx, domain_idx, values_TF);
  const std::size_t features = state_->options.sites[site_idx].features;
  for (std::size_t row = 0; row < rows; ++row)
    state_->write_raw(site_idx, layer_idx, domain_idx, static_cast<std::size_t>(tokens[row]), values_TF.subspan(row * features, features));
}

void ActivationLog::finish() {
  for (std::size_t site_idx = 0; site_idx < state_->sites.size(); ++site_idx) state_->write_statistics(site_idx);
  state_->finished = true;
  state_->file->flush();
}

}  // namespace symphony
