// The gauge between Q and K where query and key heads have norms of their own (Qwen3; methods-alignment 1.3), in closed form:
//
//   q_signs, k_signs  the signs of both models' gains go into their rows, and the anchor's come back: gains agree in sign, rows are comparable
//   qk_turn           a quarter turn of pair p in all heads if sum_g |Im s_gp| > sum_g |Re s_gp|, s = <q_A, q_B> + <k_A, k_B> as complex numbers
//   qk                the sign that makes the real part of s, after the turn, positive in every KV group
//   qk_scale          s^2 = (||g_qA|| / ||g_kA||) / (||g_qB|| / ||g_kB||) for the two gains of a pair, within [1e-3, 1e3]
#pragma once

#include <cstdint>

#include "core/model/head_gauge.hpp"

namespace symphony {

/// Fills the Q/K part of `result`.
void match_normed_query_key(const Model& anchor, const Model& source, std::int64_t layer, HeadGauge& result);

}  // namespace symphony
