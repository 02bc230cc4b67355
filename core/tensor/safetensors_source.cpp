// Reading safetensors: one file, or a folder of shards with the index that transformers writes,
//   { "metadata": { "total_size": .. }, "weight_map": { tensor: file } }
#include <algorithm>
#include <map>

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/json.hpp"
#include "core/base/links.hpp"
#include "core/base/text.hpp"
#include "core/tensor/safetensors.hpp"

namespace symphony {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

/// Tensor names to shard files, checked to be plain names of this folder.
std::map<std::string, std::string> read_weight_map(const fs::path& index_path) {
  const std::string where = index_path.string();
  refuse_link_out(index_path);
  const Value tree = parse_json(read_text(index_path, kMaxSafetensorsHeaderBytes), where);
  const Value* weight_map = tree.is_map() ? tree.find("weight_map") : nullptr;
  if (!weight_map || !weight_map->is_map()) fail<DataError>(where, "has no weight_map, expected a map of tensors to files");
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : weight_map->as_map()) {
    if (!file.is_string()) fail<DataError>(where, "tensor {} is in {}, expected a file name", quoted(tensor), file.describe());
    const fs::path name = file.as_string();
    if (name.empty() || name != name.filename() || name == "." || name == "..")
      fail<DataError>(where, "tensor {} is in {}, expected the name of a file in the same folder", quoted(tensor), quoted(file.as_string()));
    files.emplace(tensor, file.as_string());
  }
  return files;
}

/// What the folder holds instead, when that is a format whose reading runs code that the file brings along.
std::string pickle_hint(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".pkl" || extension == ".ckpt")
      found.push_back(entry.path().filename().string());
  }
  if (found.empty()) return {};
  return fmt::format("; {} is a pickle, which can run code and is never read: save the model as safetensors", quoted(*std::min_element(found.begin(), found.end())));
}

}  // namespace

SafetensorsSource::SafetensorsSource(const fs::path& path) : label_(path.string()) {
  std::vector<std::pair<TensorInfo, Location>> found;
  if (!fs::is_directory(path)) add_file(path, found);
  else if (fs::exists(path / kSingleFile)) add_file(path / kSingleFile, found);
  else if (fs::exists(path / kIndexFile)) add_shards(path / kIndexFile, found);
  else fail<DataError>(label_, "the folder holds neither {} nor {}{}", kSingleFile, kIndexFile, pickle_hint(path));
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first.name < b.first.name; });
  for (auto& [info, location] : found) {
    infos_.push_back(std::move(info));
    locations_.push_back(std::move(location));
  }
}

void SafetensorsSource::add_file(const fs::path& path, std::vector<std::pair<TensorInfo, Location>>& found) {
  refuse_link_out(path);
  const auto file = std::make_shared<const MappedFile>(path);
  SafetensorsHeader header = parse_safetensors_header(file->bytes(), path.string());
  for (SafetensorsEntry& entry : header.entries) found.push_back({std::move(entry.info), {file, header.data_start + entry.begin}});
  metadata_.merge(header.metadata);
}

void SafetensorsSource::add_shards(const fs::path& index_path, std::vector<std::pair<TensorInfo, Location>>& found) {
  const auto file_of = read_weight_map(index_path);
  const std::string where = index_path.string();
  std::vector<std::string> shards;
  for (const auto& [tensor, file] : file_of) shards.push_back(file);
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());

  std::map<std::string, std::string> seen_in;
  for (const std::string& shard : shards) {
    if (!fs::exists(fs::symlink_status(index_path.parent_path() / shard)))
      fail<DataError>(where, "names the shard {}, which does not exist", quoted(shard));
    const std::size_t first = found.size();
    add_file(index_path.parent_path() / shard, found);
    for (std::size_t found_idx = first; found_idx < found.size(); ++found_idx) {
      const std::string& tensor = found[found_idx].first.name;
      const auto [twin, is_new] = seen_in.emplace(tensor, shard);
      if (!is_new) fail<DataError>(where, "tensor {} is in two shards, {} and {}", quoted(tensor), quoted(twin->second), quoted(shard));
      const auto listed = file_of.find(tensor);
      if (listed == file_of.end()) fail<DataError>(where, "does not list tensor {} of shard {}", quoted(tensor), quoted(shard));
      if (listed->second != shard)
        fail<DataError>(where, "lists tensor {} in {}, but {} holds it", quoted(tensor), quoted(listed->second), quoted(shard));
    }
  }
  for (const auto& [tensor, file] : file_of)
    if (!seen_in.count(tensor)) fail<DataError>(where, "lists tensor {} in {}, which does not hold it", quoted(tensor), quoted(file));
}

torch::Tensor SafetensorsSource::get(std::string_view name) const {
  const TensorInfo& wanted = info(name);
  const Location& location = locations_[static_cast<std::size_t>(&wanted - infos_.data())];
  // from_blob takes a mutable pointer; the mapping is read-only, and sources forbid writing.
  void* data = const_cast<char*>(location.file->bytes().data()) + location.offset;
  return torch::from_blob(data, wanted.shape, [file = location.file](void*) {}, torch::TensorOptions().dtype(wanted.dtype));
}

}  // namespace symphony
