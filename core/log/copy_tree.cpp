// Why not H5Ocopy of the whole group: it copies the object references inside DIMENSION_LIST and REFERENCE_LIST as the bytes they
// are (HDF5 1.10, H5Aint.c handles attributes of class reference only, not the variable-length lists and compounds of H5DS), so
// they would point at addresses of the old file. Raw data is copied by H5Ocopy, without attributes; scales are attached anew by path.
#include "core/log/copy_tree.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/error.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

constexpr std::array kScaleAttributes{"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS"};
constexpr std::array kFileAttributes{layout::kSchema, layout::kSchemaVersion};

void copy_attributes(hid_t from, hid_t to, std::span<const char* const> leave_out) {
  for (const std::string& name : h5::attribute_names(from))
    if (std::find(leave_out.begin(), leave_out.end(), name) == leave_out.end()) h5::copy_attribute(from, name, to);
}

/// Copies members; paths of datasets, relative to the top, are added to `datasets`.
void copy_members(hid_t from, hid_t to, const std::string& prefix, const std::string& leave_out, std::vector<std::string>& datasets) {
  for (const std::string& name : h5::link_names(from)) {
    if (prefix.empty() && name == leave_out) continue;
    if (h5::is_group(from, name)) {
      const H5Group source = h5::open_group(from, name);
      const H5Group target = h5::create_group(to, name);
      copy_attributes(source.id(), target.id(), {});
      copy_members(source.id(), target.id(), prefix + name + "/", leave_out, datasets);
      continue;
    }
    h5::copy_dataset(from, name, to);
    const H5Dataset source = h5::open_dataset(from, name);
    const H5Dataset target = h5::open_dataset(to, name);
    copy_attributes(source.id(), target.id(), kScaleAttributes);
    if (h5::is_scale(source.id())) h5::make_scale(target.id(), name);
    datasets.push_back(prefix + name);
  }
}

/// The scale's path relative to the group `top`.
std::string relative_path(hid_t top, const std::string& path) {
  std::string base = h5::object_path(top);
  if (!base.ends_with('/')) base += '/';
  if (!path.starts_with(base)) fail<DataError>(path, "the dimension scale lies outside of {}, which is being copied", base);
  return path.substr(base.size());
}

}  // namespace

void copy_tree(hid_t from, hid_t to, const std::string& leave_out) {
  copy_attributes(from, to, kFileAttributes);
  std::vector<std::string> datasets;
  copy_members(from, to, "", leave_out, datasets);
  for (const std::string& path : datasets) {
    const H5Dataset source = h5::open_dataset(from, path);
    if (h5::is_scale(source.id())) continue;
    const H5Dataset target = h5::open_dataset(to, path);
    for (unsigned axis = 0; axis < h5::shape_of(source.id()).size(); ++axis) {
      const H5Dataset scale = h5::open_dataset(to, relative_path(from, h5::scale_path(source.id(), axis)));
      h5::attach_scale(target.id(), scale.id(), axis);
    }
  }
}

}  // namespace symphony
