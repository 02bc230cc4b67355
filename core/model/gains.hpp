// Norm gains moved into what reads them, and out again: symmetry S6 with the factors that alignment uses (methods-alignment 7.5).
#pragma once

#include "core/model/symmetry.hpp"

namespace symphony {

/// The elements "*.fold" that make every free gain of `model` 1. Throws NumericError for a gain of zero.
TransformSet fold_gains(const Model& model);

/// The elements after the residual that give a folded model the gains of `anchor`, so that averaging gains keeps them and training starts from the
/// anchor's conditioning. Gains below 1e-3 of the largest are given that magnitude: what reads them is divided by them.
TransformSet gains_of(const Model& anchor);

}  // namespace symphony
