// A model whose rows are scaled and shifted on reading: what edits that act on the outputs of linear maps are made of.
#pragma once

#include <memory>

#include "core/model/model_spec.hpp"

namespace symphony {

/// Of every tensor t for which `changes` holds "t.scale" ([rows], or one number for all rows) row j is multiplied by it, and "t.shift" [rows] is
/// added to a bias. The map is looked into on every reading, so its owner may go on filling it; only what is in it from the start is float32 where it was
/// stored in less.
Model with_scaled_rows(const Model& model, std::shared_ptr<const TensorMap> changes);

}  // namespace symphony
