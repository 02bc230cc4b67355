// The checked calls on attributes and dimension scales.
#include <hdf5_hl.h>

#include "core/log/h5_check.hpp"

namespace symphony::h5 {

namespace {

H5Attribute replace_attribute(hid_t object, const std::string& name, hid_t type, hid_t space) {
  if (has_attribute(object, name)) check(H5Adelete(object, name.c_str()), object, name, "replacing the attribute");
  return H5Attribute(check(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), object, name, "creating the attribute"));
}

H5Space scalar_space() { return H5Space(check(H5Screate(H5S_SCALAR), H5I_INVALID_HID, "", "making a scalar space")); }

H5Attribute open_attribute(hid_t object, const std::string& name) {
  return H5Attribute(check(H5Aopen(object, name.c_str(), H5P_DEFAULT), object, name, "opening the attribute"));
}

}  // namespace

bool has_attribute(hid_t object, const std::string& name) {
  return check(H5Aexists(object, name.c_str()), object, name, "looking up the attribute") > 0;
}

void set_attribute(hid_t object, const std::string& name, std::string_view text) {
  const H5Type type = text_type();
  const H5Attribute attribute = replace_attribute(object, name, type.id(), scalar_space().id());
  const std::string terminated(text);
  const char* pointer = terminated.c_str();
  check(H5Awrite(attribute.id(), type.id(), &pointer), object, name, "writing the attribute");
}

void set_attribute(hid_t object, const std::string& name, std::int64_t value) {
  const H5Attribute attribute = replace_attribute(object, name, H5T_STD_I64LE, scalar_space().id());
  check(H5Awrite(attribute.id(), H5T_NATIVE_INT64, &value), object, name, "writing the attribute");
}

std::string text_attribute(hid_t object, const std::string& name) {
  const H5Attribute attribute = open_attribute(object, name);
  const H5Type type = text_type();
  char* pointer = nullptr;
  check(H5Aread(attribute.id(), type.id(), &pointer), object, name, "reading the attribute");
  std::string text(pointer == nullptr ? "" : pointer);
  check(H5free_memory(pointer), object, name, "releasing text");
  return text;
}

std::int64_t integer_attribute(hid_t object, const std::string& name) {
  const H5Attribute attribute = open_attribute(object, name);
  std::int64_t value = 0;
  check(H5Aread(attribute.id(), H5T_NATIVE_INT64, &value), object, name, "reading the attribute");
  return value;
}

std::vector<std::string> attribute_names(hid_t object) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5A_info_t*, void* target) -> herr_t {
    static_cast<std::vector<std::string>*>(target)->emplace_back(name);
    return 0;
  };
  check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), object, "", "listing attributes");
  return names;
}

void copy_attribute(hid_t from, const std::string& name, hid_t to) {
  const H5Attribute source = open_attribute(from, name);
  const H5Type type(check(H5Aget_type(source.id()), from, name, "reading the attribute's type"));
  const H5Space space(check(H5Aget_space(source.id()), from, name, "reading the attribute's space"));
  const auto count = check(H5Sget_simple_extent_npoints(space.id()), from, name, "reading the attribute's space");
  std::vector<std::byte> bytes(static_cast<std::size_t>(count) * H5Tget_size(type.id()));
  check(H5Aread(source.id(), type.id(), bytes.data()), from, name, "reading the attribute");
  const H5Attribute target = replace_attribute(to, name, type.id(), space.id());
  check(H5Awrite(target.id(), type.id(), bytes.data()), to, name, "writing the attribute");
  if (H5Tis_variable_str(type.id()) > 0) check(H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, bytes.data()), from, name, "releasing text");
}

void make_scale(hid_t dataset, const std::string& name) { check(H5DSset_scale(dataset, name.c_str()), dataset, "", "making a dimension scale"); }

bool is_scale(hid_t dataset) { return check(H5DSis_scale(dataset), dataset, "", "asking for a dimension scale") > 0; }

void attach_scale(hid_t dataset, hid_t scale, unsigned axis) {
  check(H5DSattach_scale(dataset, scale, axis), dataset, "", "attaching a dimension scale");
}

std::string scale_path(hid_t dataset, unsigned axis) {
  std::string path;
  const auto first = [](hid_t, unsigned, hid_t scale, void* target) -> herr_t {
    *static_cast<std::string*>(target) = object_path(scale);
    return 1;
  };
  check(H5DSiterate_scales(dataset, axis, nullptr, first, &path), dataset, "", "listing dimension scales");
  return path;
}

}  // namespace symphony::h5
