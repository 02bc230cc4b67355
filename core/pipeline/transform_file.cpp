// Names are split at slashes, which no group's id holds.
#include "core/pipeline/transform_file.hpp"

#include <charconv>
#include <map>
#include <string>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

namespace {

constexpr const char* kUnties = "unties";
constexpr const char* kSources = "sources";

std::size_t number(const std::string& text, const std::string& where) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) fail<DataError>(where, "got {} where a number of sources is expected", quoted(text));
  return value;
}

std::string required(const SafetensorsMetadata& metadata, const char* key, const std::string& where) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) fail<DataError>(where, "its metadata has no '{}', expected a file of transforms", key);
  return found->second;
}

}  // namespace

void write_transforms(const std::filesystem::path& path, const StoredTransforms& stored) {
  TensorMap all;
  for (std::size_t source_idx = 0; source_idx < stored.sets.size(); ++source_idx)
    for (const auto& [group, transform] : stored.sets[source_idx])
      for (const auto& [name, tensor] : transform.to_tensors()) all.emplace(fmt::format("{}/{}/{}", source_idx, group, name), tensor);
  SafetensorsSink sink(path, {{kUnties, stored.unties ? "true" : "false"}, {kSources, std::to_string(stored.sets.size())}});
  copy_tensors(MemorySource(std::move(all), "transforms"), sink);
}

StoredTransforms read_transforms(const std::filesystem::path& path) {
  const SafetensorsSource source(path);
  const std::string where = path.string();
  StoredTransforms stored{required(source.metadata(), kUnties, where) == "true", {}};
  stored.sets.resize(number(required(source.metadata(), kSources, where), where));
  std::map<std::pair<std::size_t, std::string>, TensorMap> transforms;
  for (const TensorInfo& info : source.infos()) {
    const std::size_t first = info.name.find('/'), last = info.name.rfind('/');
    if (first == last) fail<DataError>(where, "tensor {} is no part of a transform, expected a name such as '0/layer.0.ffn/perm'", quoted(info.name));
    const std::size_t source_idx = number(info.name.substr(0, first), where);
    if (source_idx >= stored.sets.size())
      fail<DataError>(where, "tensor {} is of source {}, there are {}", quoted(info.name), source_idx, stored.sets.size());
    transforms[{source_idx, info.name.substr(first + 1, last - first - 1)}].emplace(info.name.substr(last + 1), source.get(info.name));
  }
  for (const auto& [place, tensors] : transforms)
    stored.sets[place.first].emplace(place.second, Transform::from_tensors(tensors, fmt::format("{}, {}/{}", where, place.first, place.second)));
  return stored;
}

}  // namespace symphony
