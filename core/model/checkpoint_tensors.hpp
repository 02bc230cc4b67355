// The tensors of a checkpoint against its configuration: every tensor of the spec must be there, in its shape, and nothing else.
#pragma once

#include <memory>
#include <string>

#include "core/model/checkpoint_names.hpp"

namespace symphony {

/// `stored`, as it lies on disk, under canonical names. Throws DataError for missing or extra tensors (with their nearest names) and for
/// shapes or dtypes that contradict the spec. Of routers that no family of transformers has, every parameter is passed on unchecked.
std::shared_ptr<const TensorSource> canonical_view(std::shared_ptr<const TensorSource> stored, const ModelSpec& spec, const Family& family,
                                                   const std::string& label);

/// The inverse: the tensors of `model` as a model of `family` has them on disk. Throws as above.
std::shared_ptr<const TensorSource> disk_view(const Model& model, const Family& family, ExpertLayout layout, const std::string& label);

}  // namespace symphony
