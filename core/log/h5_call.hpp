// One checked function an HDF5 C call: a failure becomes a DataError that names file, object and HDF5's own innermost message.
// HDF5's automatic printing of errors is off from the first call on. Paths are relative to `location`, a file or group.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/log/h5_handle.hpp"

namespace symphony::h5 {

/// Throws DataError "<file>: <object>: <action> failed: <HDF5's message>".
[[noreturn]] void raise(hid_t location, std::string_view object, std::string_view action);

// Files. Old-format bounds, no HDF5 file locking, and no metadata written between two flushes: what lies on the disk is always the
// state of the last flush, whatever happens to the process after it.
enum class Access { read, append };
H5File create_file(const std::filesystem::path& path);
H5File open_file(const std::filesystem::path& path, Access access);
void flush(hid_t file);

// Groups and links. Creation order is tracked, times are not.
H5Group create_group(hid_t location, const std::string& path);
H5Group open_group(hid_t location, const std::string& path);
/// Opens the group, creating it and its parents where missing; "" and "/" are `location` itself.
H5Group require_group(hid_t location, const std::string& path);
H5Object open_object(hid_t location, const std::string& path);
bool exists(hid_t location, const std::string& path);
/// Names in the group in order of creation.
std::vector<std::string> link_names(hid_t group);
bool is_group(hid_t location, const std::string& path);
bool is_dataset(hid_t object);
/// The object's path inside its file.
std::string object_path(hid_t object);
void create_external_link(const std::string& file, const std::string& object, hid_t location, const std::string& name);
/// Copies a dataset between files without its attributes.
void copy_dataset(hid_t from, const std::string& name, hid_t to);

// Types.
H5Type text_type();  ///< variable-length UTF-8
H5Type half_type();  ///< IEEE 754 binary16, little endian

// Datasets. `chunk` empty: contiguous. A chunked dataset of numbers carries a Fletcher-32 checksum; `growing`: its first axis is unlimited.
H5Dataset create_dataset(hid_t location, const std::string& name, hid_t type, std::span<const hsize_t> shape,
                         std::span<const hsize_t> chunk = {}, bool growing = false);
H5Dataset open_dataset(hid_t location, const std::string& name);
std::vector<hsize_t> shape_of(hid_t dataset);
void set_extent(hid_t dataset, std::span<const hsize_t> shape);
void write(hid_t dataset, hid_t memory_type, const void* values);
void read(hid_t dataset, hid_t memory_type, void* values);
/// Writes a dense block at `start`; nothing happens when `count` holds a zero.
void write_block(hid_t dataset, std::span<const hsize_t> start, std::span<const hsize_t> count, hid_t memory_type, const void* values);
void write_text(hid_t dataset, std::span<const std::string> values);
/// Rows `start` and on of a one-dimensional text dataset.
void write_text(hid_t dataset, hsize_t start, std::span<const std::string> values);
std::vector<std::string> read_text(hid_t dataset);
bool is_text(hid_t dataset);

// Attributes of an object.
bool has_attribute(hid_t object, const std::string& name);
void set_attribute(hid_t object, const std::string& name, std::string_view text);
void set_attribute(hid_t object, const std::string& name, std::int64_t value);
std::string text_attribute(hid_t object, const std::string& name);
std::int64_t integer_attribute(hid_t object, const std::string& name);
std::vector<std::string> attribute_names(hid_t object);
void copy_attribute(hid_t from, const std::string& name, hid_t to);

// Dimension scales (the HDF5 high-level library, H5DS).
void make_scale(hid_t dataset, const std::string& name);
bool is_scale(hid_t dataset);
void attach_scale(hid_t dataset, hid_t scale, unsigned axis);
/// Path of the scale that is attached to an axis, "" when there is none.
std::string scale_path(hid_t dataset, unsigned axis);

}  // namespace symphony::h5
