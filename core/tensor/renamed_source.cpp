// Look-up through the table of names.
#include "core/tensor/renamed_source.hpp"

namespace symphony {

RenamedSource::RenamedSource(std::shared_ptr<const TensorSource> source, std::map<std::string, std::string, std::less<>> original_of, std::string label)
    : source_(std::move(source)), original_of_(std::move(original_of)), label_(std::move(label)) {
  for (const auto& [name, original] : original_of_) {
    TensorInfo shown = source_->info(original);
    shown.name = name;
    infos_.push_back(std::move(shown));
  }
}

torch::Tensor RenamedSource::get(std::string_view name) const {
  const auto found = original_of_.find(name);
  if (found == original_of_.end()) info(name);  // throws with the nearest name
  return source_->get(found->second);
}

}  // namespace symphony
