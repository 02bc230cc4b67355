// Gauges of attention heads in closed form: for every KV group, the change of basis between V and O and the complex factor of every rotary pair
// of Q and K that bring a source's weights closest to the anchor's (methods-alignment 7.4). The source's residual stream and heads are aligned
// first: rows are compared in one basis.
//
//   V/O  each model to its balanced gauge, M_bal V V^T M_bal^T = M_bal^-T O^T O M_bal^-1 (unique up to a rotation), the rotation by orthogonal
//        Procrustes on V and O together, and back through the anchor's own balancing
//   Q/K  |c|^2 = (||q_A|| / ||k_A||) / (||q_B|| / ||k_B||), then the common angle that maximises Re <q_A, c q_B> + Re <k_A, k_B / conj(c)>
//
// Heads with norms of their own leave of Q/K what section 1.3 lists: core/model/normed_head_gauge.hpp.
#pragma once

#include <cstdint>
#include <string>

#include <torch/types.h>

#include "core/align/transform.hpp"
#include "core/model/model_spec.hpp"

namespace symphony {

struct HeadGauge {
  /// By the part of a group's id after "layer.{l}.": "qk" and "vo"; for heads with norms "qk_turn", "q_signs", "k_signs" and "qk_scale" too.
  TransformSet elements;
  double qk_before = 0, qk_after = 0;  ///< mean over KV groups of the cosine between the anchor's and the source's stacked Q and K weights
  double vo_before = 0, vo_after = 0;  ///< the same of V and O
  double qk_angle = 0;                 ///< mean |arg c| in radians
  double vo_angle = 0;                 ///< mean |eigen-angle| of the orthogonal part of the change of basis, in radians
  double vo_condition = 1;             ///< largest condition number of a change of basis
};

/// `source` with its residual stream and heads aligned; gains are folded for the comparison. A change of basis whose condition number exceeds
/// 100 is replaced by the best rotation: it would cost float32 two digits, and weights of (nearly) dead heads have no balanced gauge.
HeadGauge match_head_gauge(const Model& anchor, const Model& source, std::int64_t layer);

/// The elements of `gauge` at a layer, in place of what `set` has there.
void set_head_gauge(std::int64_t layer, const HeadGauge& gauge, TransformSet& set);

/// By FFN unit, the scale of its up row that gives `source` (units aligned) the anchor's ratio of up to down norms, within [1e-3, 1e3]: [F].
torch::Tensor match_unit_scales(const Model& anchor, const Model& source, std::int64_t layer);

}  // namespace symphony
