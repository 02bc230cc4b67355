// See the header. One group a site; axes [layer, domain], and of an expert's site [layer, expert, domain]:
//   count, mean, variance, second_moment, kurtosis, zero_share, abs_max, abs_max_token, abs_max_feature    over all values of all tokens
//   feature_mean, feature_variance, feature_second_moment    [..., feature], over all tokens
//   raw                                                      [..., token, feature]; never written: NaN
//   token_ids                                                [domain, token], beside the sites
#include "core/log/activations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/log/activation_statistics.hpp"
#include "core/log/axis_scale.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/half.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

constexpr std::size_t kScalarStatistics = 9, kFeatureStatistics = 3;

struct SiteState {
  std::vector<ActivationStatistics> statistics;  ///< [layer, (expert,) domain]
  H5Group group;
  H5Dataset raw;
};

const std::vector<std::int64_t>& layers_of(const ActivationOptions& options, const ActivationSite& site) { return site.layers.empty() ? options.layers : site.layers; }

std::size_t places_of(const ActivationOptions& options, const ActivationSite& site) {
  return layers_of(options, site).size() * std::max<std::size_t>(site.experts.size(), 1) * options.domains.size();
}

std::size_t value_bytes(const ActivationOptions& options) { return options.half ? 2 : 4; }

}  // namespace

ActivationBytes activation_bytes(const ActivationOptions& options) {
  ActivationBytes bytes;
  for (const ActivationSite& site : options.sites) {
    const std::uint64_t places = places_of(options, site);
    bytes.raw += places * options.tokens * site.features * value_bytes(options);
    // count and the place of the maximum are int64, the rest float32
    bytes.statistics += places * (site.are_choices ? 8 : (kScalarStatistics - 3) * 4 + 3 * 8 + kFeatureStatistics * 4 * site.features);
  }
  bytes.raw += options.tokens * options.domains.size() * 8;  // token ids
  return bytes;
}

struct ActivationLog::State {
  RecordFile* file = nullptr;
  std::string group;
  ActivationOptions options;
  std::vector<SiteState> sites;
  std::vector<std::uint16_t> half_buffer;
  std::vector<float> row_buffer;
  bool finished = false;

  const ActivationSite& site(const ActivationPlace& place) const { return options.sites[place.site]; }
  RecordAxis domain_axis() const { return {layout::kDomain, options.domains.size(), options.domains, {}}; }
  RecordAxis token_axis() const { return {layout::kToken, options.tokens, {}, {}}; }
  std::string name(std::size_t site_idx, const char* leaf) const { return group + "/" + options.sites[site_idx].name + "/" + leaf; }

  /// [layer, (expert,) domain]
  std::vector<RecordAxis> place_axes(std::size_t site_idx) const {
    const ActivationSite& site = options.sites[site_idx];
    const auto& layers = layers_of(options, site);
    std::vector<RecordAxis> axes{{layout::kLayer, layers.size(), {}, std::vector<double>(layers.begin(), layers.end())}};
    if (!site.experts.empty()) axes.push_back({layout::kExpert, site.experts.size(), site.experts, {}});
    axes.push_back(domain_axis());
    return axes;
  }

  std::size_t layer_index(const ActivationPlace& place) const {
    const auto& layers = layers_of(options, site(place));
    return static_cast<std::size_t>(std::find(layers.begin(), layers.end(), static_cast<std::int64_t>(place.layer)) - layers.begin());
  }
  std::size_t index(const ActivationPlace& place) const {
    return (layer_index(place) * std::max<std::size_t>(site(place).experts.size(), 1) + place.expert) * options.domains.size() + place.domain;
  }

  void create_site(std::size_t site_idx);
  std::size_t rows_of(const ActivationPlace& place, std::span<const float> values_TF) const;
  [[noreturn]] void refuse_value(const ActivationPlace& place, std::span<const float> values_TF, float limit) const;
  void write_raw(const ActivationPlace& place, std::size_t first_token, std::span<const float> values_TF);
  void write_statistics(std::size_t site_idx);
};

void ActivationLog::State::create_site(std::size_t site_idx) {
  const ActivationSite& site = options.sites[site_idx];
  SiteState state;
  state.statistics.assign(places_of(options, site), ActivationStatistics(site.features));
  state.group = h5::require_group(file->id(), group + "/" + site.name);
  if (options.tokens > 0) {
    std::vector<RecordAxis> axes = place_axes(site_idx);
    // A chunk holds tokens of one place: that is what is written and read together.
    std::vector<hsize_t> chunk(axes.size(), 1);
    axes.push_back(token_axis());
    axes.push_back({site.are_choices ? layout::kSlot : layout::kFeature, site.features, {}, {}});
    chunk.push_back(std::clamp<hsize_t>(512 * 1024 / (value_bytes(options) * std::max<std::size_t>(site.features, 1)), 1, options.tokens));
    chunk.push_back(std::max<hsize_t>(site.features, 1));
    const H5Type type = options.half ? h5::half_type() : H5Type(H5Tcopy(H5T_IEEE_F32LE));
    state.raw = create_on_axes(state.group.id(), layout::kRaw, type.id(), axes, chunk);
    describe_dataset(state.raw.id(), {layout::kRaw, "1", "activations of the first probe tokens; NaN where a token was not seen here"});
  }
  sites.push_back(std::move(state));
}

/// Refuses what does not fit.
std::size_t ActivationLog::State::rows_of(const ActivationPlace& place, std::span<const float> values_TF) const {
  const bool known = !finished && place.site < sites.size() && layer_index(place) < layers_of(options, site(place)).size() && place.domain < options.domains.size() &&
                     place.expert < std::max<std::size_t>(site(place).experts.size(), 1);
  if (!known)
    fail<DataError>(group, "got site {}, layer {}, domain {}, expert {}, expected what the log was made for ({} sites, {} domains), before finish()", place.site, place.layer,
                    place.domain, place.expert, sites.size(), options.domains.size());
  const std::size_t features = site(place).features;
  if (features == 0 || values_TF.size() % features != 0)
    fail<DataError>(name(place.site, "add"), "got {} values, expected rows of {} features", values_TF.size(), features);
  return values_TF.size() / features;
}

void ActivationLog::State::refuse_value(const ActivationPlace& place, std::span<const float> values_TF, float limit) const {
  const auto found = std::find_if(values_TF.begin(), values_TF.end(), [&](float value) { return !(std::abs(value) <= limit); });
  const auto index = static_cast<std::size_t>(found - values_TF.begin()), features = site(place).features;
  fail<NumericError>(name(place.site, "add"), "layer {}, domain {}, row {}, feature {}: got {}, expected a finite activation of at most {}{}", place.layer,
                     symphony::quoted(options.domains[place.domain]), index / features, index % features, *found, limit,
                     limit == kLargestHalf ? " (fp16; store fp32 instead)" : "");
}

void ActivationLog::State::write_raw(const ActivationPlace& place, std::size_t first_token, std::span<const float> values_TF) {
  const std::size_t features = site(place).features;
  if (first_token >= options.tokens || values_TF.empty()) return;
  const std::size_t rows = std::min(values_TF.size() / features, options.tokens - first_token);
  const std::span<const float> kept = values_TF.first(rows * features);
  std::vector<hsize_t> start{layer_index(place)}, count{1};
  if (!site(place).experts.empty()) start.push_back(place.expert), count.push_back(1);
  for (const hsize_t at : {hsize_t{place.domain}, hsize_t{first_token}, hsize_t{0}}) start.push_back(at);
  for (const hsize_t size : {hsize_t{1}, hsize_t{rows}, hsize_t{features}}) count.push_back(size);
  const H5Dataset& raw = sites[place.site].raw;
  if (!options.half) return h5::write_block(raw.id(), start, count, H5T_NATIVE_FLOAT, kept.data());
  if (std::any_of(kept.begin(), kept.end(), [](float value) { return std::abs(value) > kLargestHalf; })) refuse_value(place, kept, kLargestHalf);
  half_buffer.resize(kept.size());
  std::transform(kept.begin(), kept.end(), half_buffer.begin(), half_from_float);
  h5::write_block(raw.id(), start, count, h5::half_type().id(), half_buffer.data());
}

void ActivationLog::State::write_statistics(std::size_t site_idx) {
  const ActivationSite& site = options.sites[site_idx];
  const auto& statistics = sites[site_idx].statistics;
  const std::vector<RecordAxis> axes = place_axes(site_idx);
  const auto integers = [&](const char* leaf, const char* unit, const char* doc, const auto& value_of) {
    std::vector<std::int64_t> values;
    for (const ActivationStatistics& one : statistics) values.push_back(value_of(one));
    file->array_i64({name(site_idx, leaf), unit, doc}, axes, values);
  };
  const auto numbers = [&](const char* leaf, const char* doc, const auto& value_of) {
    std::vector<float> values;
    for (const ActivationStatistics& one : statistics) values.push_back(static_cast<float>(value_of(one)));
    file->array({name(site_idx, leaf), "1", doc}, axes, values);
  };
  using Statistics = ActivationStatistics;
  integers(layout::kCount, "tokens", "tokens that the statistics rest on", [](const Statistics& one) { return one.count(); });
  if (site.are_choices) return;
  numbers(layout::kMean, "mean over tokens and features", [](const Statistics& one) { return one.mean(); });
  numbers(layout::kVariance, "variance over tokens and features", [](const Statistics& one) { return one.variance(); });
  numbers(layout::kSecondMoment, "mean square over tokens and features", [](const Statistics& one) { return one.second_moment(); });
  numbers(layout::kKurtosis, "fourth central moment over variance squared, over tokens and features; 3 for a normal distribution", [](const Statistics& one) { return one.kurtosis(); });
  numbers(layout::kZeroShare, "share of values that are exactly zero", [](const Statistics& one) { return one.zero_share(); });
  numbers(layout::kAbsMax, "largest magnitude", [](const Statistics& one) { return one.count() > 0 ? one.peak().magnitude : std::nan(""); });
  integers(layout::kAbsMaxToken, "1", "probe token with the largest magnitude, the first of equals; -1: none was seen", [](const Statistics& one) { return one.peak().token; });
  integers(layout::kAbsMaxFeature, "1", "feature with the largest magnitude", [](const Statistics& one) { return one.peak().feature; });

  std::vector<RecordAxis> feature_axes = axes;
  feature_axes.push_back({layout::kFeature, site.features, {}, {}});
  const auto features = [&](const char* leaf, const char* doc, const auto& value_of) {
    std::vector<float> values;
    for (const ActivationStatistics& one : statistics)
      for (std::size_t feature = 0; feature < site.features; ++feature) values.push_back(static_cast<float>(value_of(one, feature)));
    file->array({name(site_idx, leaf), "1", doc}, feature_axes, values);
  };
  features(layout::kFeatureMean, "mean over tokens", [](const Statistics& one, std::size_t feature) { return one.feature_mean(feature); });
  features(layout::kFeatureVariance, "variance over tokens", [](const Statistics& one, std::size_t feature) { return one.feature_variance(feature); });
  features(layout::kFeatureSecondMoment, "mean square over tokens",
           [](const Statistics& one, std::size_t feature) { return one.feature_variance(feature) + one.feature_mean(feature) * one.feature_mean(feature); });
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

void ActivationLog::token_ids(std::size_t domain, std::span<const std::int64_t> ids, std::size_t first_token) {
  if (first_token >= state_->options.tokens) return;
  const H5Dataset dataset = h5::open_dataset(state_->file->id(), state_->group + "/" + layout::kTokenIds);
  const hsize_t start[] = {domain, first_token};
  const hsize_t count[] = {1, std::min(ids.size(), state_->options.tokens - first_token)};
  h5::write_block(dataset.id(), start, count, H5T_NATIVE_INT64, ids.data());
}

void ActivationLog::add(const ActivationPlace& place, std::span<const float> values_TF, std::size_t first_token) {
  state_->rows_of(place, values_TF);
  if (!state_->sites[place.site].statistics[state_->index(place)].add(values_TF, static_cast<std::int64_t>(first_token)))
    state_->refuse_value(place, values_TF, std::numeric_limits<float>::max());
  state_->write_raw(place, first_token, values_TF);
}

void ActivationLog::add(const ActivationPlace& place, std::span<const float> values_TF, std::span<const std::int64_t> tokens) {
  const std::size_t rows = state_->rows_of(place, values_TF), features = state_->site(place).features;
  if (rows != tokens.size()) fail<DataError>(state_->name(place.site, "add"), "got {} rows for {} token indices", rows, tokens.size());
  if (rows == 0) return;
  if (!state_->sites[place.site].statistics[state_->index(place)].add(values_TF, tokens)) state_->refuse_value(place, values_TF, std::numeric_limits<float>::max());
  // One dense block a call, NaN where none of these rows lies: a write for every row would cost far more than the rows.
  const auto [first, last] = std::minmax_element(tokens.begin(), tokens.end());
  if (*first >= static_cast<std::int64_t>(state_->options.tokens)) return;
  const std::int64_t end = std::min(*last + 1, static_cast<std::int64_t>(state_->options.tokens));
  std::vector<float>& block = state_->row_buffer;
  block.assign(static_cast<std::size_t>(end - *first) * features, std::numeric_limits<float>::quiet_NaN());
  for (std::size_t row = 0; row < rows; ++row)
    if (tokens[row] < end) std::copy_n(values_TF.begin() + static_cast<std::ptrdiff_t>(row * features), features, block.begin() + (tokens[row] - *first) * static_cast<std::ptrdiff_t>(features));
  state_->write_raw(place, static_cast<std::size_t>(*first), block);
}

void ActivationLog::finish() {
  for (std::size_t site_idx = 0; site_idx < state_->sites.size(); ++site_idx) state_->write_statistics(site_idx);
  state_->finished = true;
  state_->file->flush();
}

}  // namespace symphony
