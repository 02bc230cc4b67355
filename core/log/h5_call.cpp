// The checked calls on files, groups, links and datasets. See h5_attribute.cpp for attributes and dimension scales.
#include "core/log/h5_call.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/log/h5_check.hpp"

namespace symphony::h5 {

namespace {

herr_t keep_first(unsigned, const H5E_error2_t* error, void* text) {
  auto& message = *static_cast<std::string*>(text);
  if (message.empty() && error->desc != nullptr) message = error->desc;
  return 0;
}

/// The message that HDF5 pushed first, where the trouble began.
std::string innermost_message() {
  std::string message;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &message);
  return message.empty() ? "no message" : message;
}

std::string file_of(hid_t location) {
  const ssize_t length = H5Fget_name(location, nullptr, 0);
  if (length <= 0) return "HDF5";
  std::string name(static_cast<std::size_t>(length), '\0');
  H5Fget_name(location, name.data(), name.size() + 1);
  return name;
}

/// Before any other call. Without the library's own function at exit, which crashes on a file that a full disk did not let it close; our handles close theirs.
void prepare_library() {
  static const bool once = H5dont_atexit() >= 0 && H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  static_cast<void>(once);
}

H5Properties properties(hid_t kind) { return H5Properties(check(H5Pcreate(kind), H5I_INVALID_HID, "", "creating properties")); }

/// Access of every file: old-format bounds, no flock of the file, and no eviction of dirty metadata between two flushes. The last
/// point is what makes a killed writer's file readable: without it the metadata cache writes parts of a later state whenever it fills.
H5Properties file_access() {
  prepare_library();
  H5Properties access = properties(H5P_FILE_ACCESS);
  check(H5Pset_libver_bounds(access.id(), H5F_LIBVER_EARLIEST, H5F_LIBVER_V110), H5I_INVALID_HID, "", "setting format bounds");
  check(H5Pset_file_locking(access.id(), false, true), H5I_INVALID_HID, "", "switching file locking off");
  H5AC_cache_config_t cache{};
  cache.version = H5AC__CURR_CACHE_CONFIG_VERSION;
  check(H5Pget_mdc_config(access.id(), &cache), H5I_INVALID_HID, "", "reading the metadata cache's settings");
  cache.evictions_enabled = false;
  cache.incr_mode = H5C_incr__off;
  cache.flash_incr_mode = H5C_flash_incr__off;
  cache.decr_mode = H5C_decr__off;
  check(H5Pset_mdc_config(access.id(), &cache), H5I_INVALID_HID, "", "setting up the metadata cache");
  return access;
}

H5Properties group_creation() {
  H5Properties creation = properties(H5P_GROUP_CREATE);
  check(H5Pset_link_creation_order(creation.id(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), H5I_INVALID_HID, "", "tracking creation order");
  check(H5Pset_obj_track_times(creation.id(), false), H5I_INVALID_HID, "", "switching times off");
  return creation;
}

}  // namespace

void raise(hid_t location, std::string_view object, std::string_view action) {
  const std::string message = innermost_message();
  std::string path = location >= 0 && H5Iget_type(location) != H5I_BADID ? object_path(location) : "";
  if (!object.empty()) path += (path.empty() || path.back() == '/' ? "" : "/") + std::string(object);
  fail<DataError>(location >= 0 ? file_of(location) : "HDF5", "{}{}{} failed: {}", path, path.empty() ? "" : ": ", action, message);
}

H5File create_file(const std::filesystem::path& path) {
  const H5Properties access = file_access();
  H5Properties creation = properties(H5P_FILE_CREATE);
  check(H5Pset_link_creation_order(creation.id(), H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), H5I_INVALID_HID, "", "tracking creation order");
  check(H5Pset_obj_track_times(creation.id(), false), H5I_INVALID_HID, "", "switching times off");
  const hid_t id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.id(), access.id());
  if (id < 0) fail<DataError>(path.string(), "creating the file failed: {}", innermost_message());
  return H5File(id);
}

H5File open_file(const std::filesystem::path& path, Access access) {
  const H5Properties properties_of_access = file_access();
  const hid_t id = H5Fopen(path.c_str(), access == Access::read ? H5F_ACC_RDONLY : H5F_ACC_RDWR, properties_of_access.id());
  if (id < 0) fail<DataError>(path.string(), "opening the file failed: {}", innermost_message());
  return H5File(id);
}

void flush(hid_t file) { check(H5Fflush(file, H5F_SCOPE_GLOBAL), file, "", "flushing"); }

H5Group create_group(hid_t location, const std::string& path) {
  const H5Properties creation = group_creation();
  return H5Group(check(H5Gcreate2(location, path.c_str(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), location, path, "creating the group"));
}

H5Group open_group(hid_t location, const std::string& path) {
  return H5Group(check(H5Gopen2(location, path.c_str(), H5P_DEFAULT), location, path, "opening the group"));
}

H5Group require_group(hid_t location, const std::string& path) {
  H5Group group = open_group(location, ".");
  for (const std::string& part : split(path, '/')) {
    if (part.empty()) continue;
    group = exists(group.id(), part) ? open_group(group.id(), part) : create_group(group.id(), part);
  }
  return group;
}

H5Object open_object(hid_t location, const std::string& path) {
  return H5Object(check(H5Oopen(location, path.c_str(), H5P_DEFAULT), location, path, "opening the object"));
}

bool exists(hid_t location, const std::string& path) {
  std::string prefix;
  for (const std::string& part : split(path, '/')) {
    if (part.empty()) continue;
    if (!prefix.empty() && !is_group(location, prefix)) return false;  // below a dataset HDF5 has an error, not an answer
    prefix += (prefix.empty() ? "" : "/") + part;
    if (check(H5Lexists(location, prefix.c_str(), H5P_DEFAULT), location, prefix, "looking up the link") == 0) return false;
  }
  return true;
}

std::vector<std::string> link_names(hid_t group) {
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* target) -> herr_t {
    static_cast<std::vector<std::string>*>(target)->emplace_back(name);
    return 0;
  };
  H5Properties creation(check(H5Gget_create_plist(group), group, "", "reading the group's properties"));
  unsigned order = 0;
  check(H5Pget_link_creation_order(creation.id(), &order), group, "", "reading the group's order");
  const H5_index_t index = (order & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  check(H5Literate(group, index, H5_ITER_INC, nullptr, collect, &names), group, "", "listing the group");
  return names;
}

bool is_group(hid_t location, const std::string& path) { return H5Iget_type(open_object(location, path).id()) == H5I_GROUP; }
bool is_dataset(hid_t object) { return H5Iget_type(object) == H5I_DATASET; }

std::string object_path(hid_t object) {
  const ssize_t length = H5Iget_name(object, nullptr, 0);
  if (length <= 0) return "";
  std::string name(static_cast<std::size_t>(length), '\0');
  H5Iget_name(object, name.data(), name.size() + 1);
  return name;
}

void create_external_link(const std::string& file, const std::string& object, hid_t location, const std::string& name) {
  check(H5Lcreate_external(file.c_str(), object.c_str(), location, name.c_str(), H5P_DEFAULT, H5P_DEFAULT), location, name, "linking to another file");
}

void copy_dataset(hid_t from, const std::string& name, hid_t to) {
  const H5Properties copying = properties(H5P_OBJECT_COPY);
  check(H5Pset_copy_object(copying.id(), H5O_COPY_WITHOUT_ATTR_FLAG), from, name, "setting up a copy");
  check(H5Ocopy(from, name.c_str(), to, name.c_str(), copying.id(), H5P_DEFAULT), from, name, "copying the dataset");
}

H5Type text_type() {
  H5Type type(check(H5Tcopy(H5T_C_S1), H5I_INVALID_HID, "", "making the text type"));
  check(H5Tset_size(type.id(), H5T_VARIABLE), H5I_INVALID_HID, "", "making the text type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), H5I_INVALID_HID, "", "making the text type");
  return type;
}

H5Type half_type() {
  H5Type type(check(H5Tcopy(H5T_IEEE_F32LE), H5I_INVALID_HID, "", "making the fp16 type"));
  check(H5Tset_fields(type.id(), 15, 10, 5, 0, 10), H5I_INVALID_HID, "", "making the fp16 type");
  check(H5Tset_precision(type.id(), 16), H5I_INVALID_HID, "", "making the fp16 type");
  check(H5Tset_size(type.id(), 2), H5I_INVALID_HID, "", "making the fp16 type");
  check(H5Tset_ebias(type.id(), 15), H5I_INVALID_HID, "", "making the fp16 type");
  return type;
}

H5Dataset create_dataset(hid_t location, const std::string& name, hid_t type, std::span<const hsize_t> shape,
                         std::span<const hsize_t> chunk, bool growing) {
  std::vector<hsize_t> limit(shape.begin(), shape.end());
  if (growing) limit.at(0) = H5S_UNLIMITED;
  const H5Space space(shape.empty() ? check(H5Screate(H5S_SCALAR), location, name, "making the space")
                                    : check(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), limit.data()), location, name, "making the space"));
  const H5Properties creation = properties(H5P_DATASET_CREATE);
  check(H5Pset_obj_track_times(creation.id(), false), location, name, "switching times off");
  if (!chunk.empty()) {
    check(H5Pset_chunk(creation.id(), static_cast<int>(chunk.size()), chunk.data()), location, name, "setting the chunk");
    const bool filterable = H5Tget_class(type) != H5T_STRING;  // HDF5 refuses filters on variable-length text
    if (filterable) check(H5Pset_fletcher32(creation.id()), location, name, "switching the checksum on");
  }
  if (H5Tget_class(type) == H5T_FLOAT && !shape.empty()) {
    const float nan = std::numeric_limits<float>::quiet_NaN();  // what was never written must not read as a zero
    check(H5Pset_fill_value(creation.id(), H5T_NATIVE_FLOAT, &nan), location, name, "setting the fill value");
  }
  return H5Dataset(check(H5Dcreate2(location, name.c_str(), type, space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), location, name, "creating the dataset"));
}

H5Dataset open_dataset(hid_t location, const std::string& name) {
  return H5Dataset(check(H5Dopen2(location, name.c_str(), H5P_DEFAULT), location, name, "opening the dataset"));
}

std::vector<hsize_t> shape_of(hid_t dataset) {
  const H5Space space(check(H5Dget_space(dataset), dataset, "", "reading the space"));
  const int rank = check(H5Sget_simple_extent_ndims(space.id()), dataset, "", "reading the rank");
  std::vector<hsize_t> shape(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space.id(), shape.data(), nullptr), dataset, "", "reading the shape");
  return shape;
}

void set_extent(hid_t dataset, std::span<const hsize_t> shape) { check(H5Dset_extent(dataset, shape.data()), dataset, "", "growing"); }

void write(hid_t dataset, hid_t memory_type, const void* values) {
  check(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), dataset, "", "writing");
}

void read(hid_t dataset, hid_t memory_type, void* values) {
  check(H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), dataset, "", "reading");
}

void write_block(hid_t dataset, std::span<const hsize_t> start, std::span<const hsize_t> count, hid_t memory_type, const void* values) {
  if (std::find(count.begin(), count.end(), hsize_t{0}) != count.end()) return;
  const H5Space file_space(check(H5Dget_space(dataset), dataset, "", "reading the space"));
  check(H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), dataset, "", "selecting a block");
  const H5Space memory_space(check(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr), dataset, "", "making the space"));
  check(H5Dwrite(dataset, memory_type, memory_space.id(), file_space.id(), H5P_DEFAULT, values), dataset, "", "writing a block");
}

void write_text(hid_t dataset, std::span<const std::string> values) { write_text(dataset, 0, values); }

void write_text(hid_t dataset, hsize_t start, std::span<const std::string> values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  const hsize_t count = values.size();
  write_block(dataset, {&start, 1}, {&count, 1}, text_type().id(), pointers.data());
}

std::vector<std::string> read_text(hid_t dataset) {
  const H5Space space(check(H5Dget_space(dataset), dataset, "", "reading the space"));
  const auto count = static_cast<std::size_t>(check(H5Sget_simple_extent_npoints(space.id()), dataset, "", "reading the space"));
  std::vector<char*> pointers(count, nullptr);
  const H5Type type = text_type();
  // HDF5 clears a megabyte of conversion buffer for every read unless told how little the text's references need.
  constexpr std::size_t kReferenceBytes = 32, kLargestBuffer = std::size_t{1} << 20;
  const H5Properties transfer = properties(H5P_DATASET_XFER);
  check(H5Pset_buffer(transfer.id(), std::clamp(count * kReferenceBytes, kReferenceBytes, kLargestBuffer), nullptr, nullptr), dataset, "", "setting the buffer");
  if (count > 0) check(H5Dread(dataset, type.id(), H5S_ALL, H5S_ALL, transfer.id(), pointers.data()), dataset, "", "reading");
  std::vector<std::string> values;
  for (const char* pointer : pointers) values.emplace_back(pointer == nullptr ? "" : pointer);
  if (count > 0) check(H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, pointers.data()), dataset, "", "releasing text");
  return values;
}

bool is_text(hid_t dataset) {
  const H5Type type(check(H5Dget_type(dataset), dataset, "", "reading the type"));
  return H5Tget_class(type.id()) == H5T_STRING;
}

}  // namespace symphony::h5
