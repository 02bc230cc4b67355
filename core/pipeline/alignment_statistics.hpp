// What alignment plugins are given: cross-moments of the anchor's and a source's activations on the same calibration tokens. Both models
// pass the tokens layer by layer and chunk by chunk (layer-streamed), so memory is that of two layers, the residual streams and one layer's
// moments, whatever the size of the models. The first position of every sequence is left out: massive activations there would dominate
// every correlation (methods-alignment 7.1).
#pragma once

#include <map>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "core/model/layer_streamed.hpp"
#include "core/plugin/alignment.hpp"

namespace symphony {

class StreamedStatistics final : public AlignmentStatistics {
 public:
  /// tokens_NT int64: N sequences of T >= 2 calibration tokens. `sources` are dense and must outlive this object. `products`: see RunningPairMoments.
  StreamedStatistics(const std::vector<Model>& sources, std::size_t anchor, std::vector<StatisticsNeed> needs, torch::Tensor tokens_NT,
                     torch::ScalarType products = torch::kFloat32, StreamOptions options = {});

  /// Layers asked for in ascending order, source by source, cost one pass a source; going back starts the source's pass again. The
  /// reference is valid until another layer or source is asked for.
  const PairMoments& moments(std::size_t source_idx, Site site, std::int64_t layer) const override;
  std::int64_t num_tokens() const override { return tokens_NT_.size(0) * (tokens_NT_.size(1) - 1); }

 private:
  void advance() const;

  const std::vector<Model>& sources_;
  std::size_t anchor_;
  std::vector<StatisticsNeed> needs_;
  torch::Tensor tokens_NT_;
  torch::ScalarType products_;
  StreamOptions options_;
  // The position of the lazy pass: a cache behind a const interface.
  mutable std::unique_ptr<LayerStreamed> anchor_stream_, source_stream_;
  mutable std::size_t source_idx_ = 0;
  mutable std::int64_t layer_ = -1;
  mutable std::map<Site, PairMoments> held_;
};

}  // namespace symphony
