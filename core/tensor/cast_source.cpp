// Rounding on reading.
#include "core/tensor/cast_source.hpp"

namespace symphony {

CastSource::CastSource(std::shared_ptr<const TensorSource> source, torch::ScalarType dtype) : source_(std::move(source)), infos_(source_->infos()) {
  for (TensorInfo& info : infos_)
    if (torch::isFloatingType(info.dtype)) info.dtype = dtype;
}

torch::Tensor CastSource::get(std::string_view name) const { return source_->get(name).to(info(name).dtype); }

}  // namespace symphony
