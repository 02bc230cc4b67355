// The lazy pass: one layer of both models at a time, moments of every site that was asked for.
#include "core/pipeline/alignment_statistics.hpp"

#include <algorithm>
#include <limits>

#include "core/base/error.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

/// Keeps the activations of one chunk at the wanted sites, first positions left out.
class ChunkTap final : public Tap {
 public:
  ChunkTap(const std::vector<StatisticsNeed>& needs, std::int64_t sequence_length) : needs_(needs), sequence_length_(sequence_length) {}
  bool wants(Site site, std::int64_t) const override {
    return std::any_of(needs_.begin(), needs_.end(), [site](const StatisticsNeed& need) { return need.site == site; });
  }
  void record(Site site, std::int64_t, std::int64_t, const torch::Tensor& values, const torch::Tensor&) override {
    const torch::Tensor values_NTF = values.reshape({-1, sequence_length_, values.size(1)});
    torch::Tensor kept_TF = values_NTF.narrow(1, 1, sequence_length_ - 1).clone().reshape({-1, values.size(1)});
    if (unit_rms(site)) kept_TF = kept_TF / kept_TF.square().mean(1, true).sqrt().clamp_min(std::numeric_limits<float>::min());
    held[site] = kept_TF;
  }
  std::map<Site, torch::Tensor> held;

 private:
  bool unit_rms(Site site) const {
    return std::any_of(needs_.begin(), needs_.end(), [site](const StatisticsNeed& need) { return need.site == site && need.unit_rms; });
  }

  const std::vector<StatisticsNeed>& needs_;
  std::int64_t sequence_length_;
};

}  // namespace

StreamedStatistics::StreamedStatistics(const std::vector<Model>& sources, std::size_t anchor, std::vector<StatisticsNeed> needs,
                                       torch::Tensor tokens_NT, torch::ScalarType products, StreamOptions options)
    : sources_(sources), anchor_(anchor), needs_(std::move(needs)), tokens_NT_(std::move(tokens_NT)), products_(products), options_(options) {
  if (tokens_NT_.dim() != 2 || tokens_NT_.size(0) < 1 || tokens_NT_.size(1) < 2)
    fail<DataError>("alignment statistics", "calibration tokens have shape {}, expected [sequences, at least 2 tokens]",
                    shape_text(tokens_NT_.sizes().vec()));
  for (const Model& source : sources_)
    if (source.spec.moe) fail<DataError>("alignment statistics", "source '{}' is a Mixture-of-Experts, expected dense sources", source.name);
}

const PairMoments& StreamedStatistics::moments(std::size_t source_idx, Site site, std::int64_t layer) const {
  const bool asked = std::any_of(needs_.begin(), needs_.end(), [site](const StatisticsNeed& need) { return need.site == site; });
  if (!asked) fail<PluginError>("alignment statistics", "site {} was not listed in needs()", quoted(site_name(site)));
  if (source_idx >= sources_.size() || layer < 0 || layer >= sources_[anchor_].spec.num_layers || (site == Site::embedding && layer != 0))
    fail<PluginError>("alignment statistics", "no moments of source {} at site {} of layer {}", source_idx, quoted(site_name(site)), layer);
  if (!source_stream_ || source_idx != source_idx_ || layer < layer_) {
    anchor_stream_ = std::make_unique<LayerStreamed>(sources_[anchor_], tokens_NT_, nullptr, options_);
    source_stream_ = std::make_unique<LayerStreamed>(sources_[source_idx], tokens_NT_, nullptr, options_);
    source_idx_ = source_idx;
    layer_ = -1;
  }
  while (layer_ < layer) advance();
  return held_.at(site);
}

void StreamedStatistics::advance() const {
  ++layer_;
  held_.clear();
  anchor_stream_->load_layer(layer_);
  source_stream_->load_layer(layer_);
  std::map<Site, RunningPairMoments> running;
  for (std::int64_t chunk = 0; chunk < anchor_stream_->num_chunks(); ++chunk) {
    ChunkTap anchor_tap(needs_, tokens_NT_.size(1)), source_tap(needs_, tokens_NT_.size(1));
    anchor_stream_->run_layer(chunk, &anchor_tap);
    source_stream_->run_layer(chunk, &source_tap);
    for (const auto& [site, values] : anchor_tap.held) running.try_emplace(site, products_).first->second.add(values, source_tap.held.at(site));
  }
  for (const auto& [site, moments] : running) held_[site] = moments.finish();
}

}  // namespace symphony
