// Category `alignment`: which units of each source correspond to which units of the anchor.
//
// The alignment stage calls `needs`, arranges for the statistics, then calls `align` once. The plugin returns one TransformSet a source;
// core applies them and checks on calibration tokens that each aligned source still computes the same function. Deterministic.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/align/running_stats.hpp"
#include "core/align/transform.hpp"
#include "core/model/model_spec.hpp"
#include "core/model/symmetry.hpp"
#include "core/model/tap.hpp"
#include "core/plugin/context.hpp"

namespace symphony {

/// Cross-statistics of anchor and source at one site, in every layer, on the same calibration tokens.
struct StatisticsNeed {
  Site site = Site::ffn_hidden;
  bool unit_rms = false;  ///< every token's vector divided by its root mean square first, as RMSNorm does
};

/// Lazily computed: asking for one layer streams the models up to it.
class AlignmentStatistics {
 public:
  virtual ~AlignmentStatistics();
  /// Anchor and `source_idx` at `site` of `layer` (0 for Site::embedding), a site from `needs`. Valid until another is asked for.
  virtual const PairMoments& moments(std::size_t source_idx, Site site, std::int64_t layer) const = 0;
  virtual std::int64_t num_tokens() const = 0;
};

struct AlignmentProblem {
  const std::vector<Model>& sources;       ///< same spec, the anchor among them
  std::size_t anchor = 0;                  ///< index into `sources`
  const std::vector<SymmetryGroup>& groups;
  const AlignmentStatistics& statistics;
};

class Alignment {
 public:
  virtual ~Alignment();
  virtual std::vector<StatisticsNeed> needs(const ModelSpec& spec) const = 0;
  /// One set a source, in the order of `problem.sources`; the anchor's is usually empty (identity).
  virtual std::vector<TransformSet> align(const AlignmentProblem& problem, const Context& context) const = 0;
  /// True when the transforms are no exact symmetries (mixings of FFN units among them): the invariance check then records what they change instead of
  /// stopping, the log and the tables say so, and experts that are another source's FFN are refused.
  virtual bool approximate() const;
  /// True when the transforms act on models with a head of their own: core then unties every source, the anchor too, before it calls align.
  virtual bool unties() const;
};

/// The star around the anchor: every source is matched with the anchor alone. Cycle-consistent by construction.
class PairwiseAlignment : public Alignment {
 public:
  std::vector<TransformSet> align(const AlignmentProblem& problem, const Context& context) const final;

 protected:
  virtual TransformSet align_pair(const AlignmentProblem& problem, std::size_t source_idx, const Context& context) const = 0;
};

}  // namespace symphony
