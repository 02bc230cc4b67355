// See the header. A scale is an ordinary one-dimensional dataset beside the arrays that use it, as netCDF-4 has it, so that
// xarray finds every dimension by name.
#include "core/log/axis_scale.hpp"

#include <algorithm>
#include <numeric>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"

namespace symphony {

namespace {

constexpr hsize_t kSmallestChunkBytes = 128 * 1024;
constexpr hsize_t kLargestChunkBytes = 1024 * 1024;
// A growing column is flushed often and stays short, and a chunk is stored whole: 128 KiB a column would be mostly padding.
constexpr hsize_t kGrowingChunkRows = 1024;

std::string place(hid_t group, const std::string& name) {
  const std::string path = h5::object_path(group);
  return path + (path.ends_with('/') ? "" : "/") + name;
}

std::vector<double> coordinates(const RecordAxis& axis) {
  if (!axis.values.empty()) return axis.values;
  std::vector<double> counting(axis.size);
  std::iota(counting.begin(), counting.end(), 0.0);
  return counting;
}

void check_axis(hid_t group, const std::string& name, const RecordAxis& axis) {
  if (axis.name.empty() || axis.name.find('/') != std::string::npos)
    fail<DataError>(place(group, name), "axis has the name {}, expected a name without '/'", symphony::quoted(axis.name));
  if (axis.name == name) fail<DataError>(place(group, name), "an array cannot have the name of its axis {}", symphony::quoted(axis.name));
  if (!axis.labels.empty() && axis.labels.size() != axis.size)
    fail<DataError>(place(group, name), "axis {} has size {} but {} labels", symphony::quoted(axis.name), axis.size, axis.labels.size());
  if (!axis.values.empty() && axis.values.size() != axis.size)
    fail<DataError>(place(group, name), "axis {} has size {} but {} values", symphony::quoted(axis.name), axis.size, axis.values.size());
}

H5Dataset create_scale(hid_t group, const RecordAxis& axis) {
  const hsize_t size = axis.size;
  const bool labelled = !axis.labels.empty();
  const H5Type text = h5::text_type();
  H5Dataset scale = h5::create_dataset(group, axis.name, labelled ? text.id() : H5T_IEEE_F64LE, {&size, 1});
  if (labelled) h5::write_text(scale.id(), axis.labels);
  else if (size > 0) h5::write(scale.id(), H5T_NATIVE_DOUBLE, coordinates(axis).data());
  h5::make_scale(scale.id(), axis.name);
  return scale;
}

/// Opens the group's scale of that name after checking that it says the same.
H5Dataset open_scale(hid_t group, const std::string& name, const RecordAxis& axis) {
  H5Object object = h5::open_object(group, axis.name);
  if (!h5::is_dataset(object.id()) || !h5::is_scale(object.id()))
    fail<DataError>(place(group, name), "axis {} has the name of an array or group that is already there", symphony::quoted(axis.name));
  H5Dataset scale = h5::open_dataset(group, axis.name);
  const hsize_t size = h5::shape_of(scale.id()).at(0);
  if (size != axis.size)
    fail<DataError>(place(group, name), "axis {} has size {}, but {} in this group; name it differently or record it in another group",
                    symphony::quoted(axis.name), axis.size, size);
  bool same = h5::is_text(scale.id()) == !axis.labels.empty();
  if (same && !axis.labels.empty()) {
    same = h5::read_text(scale.id()) == axis.labels;
  } else if (same && size > 0) {
    std::vector<double> values(size);
    h5::read(scale.id(), H5T_NATIVE_DOUBLE, values.data());
    same = values == coordinates(axis);
  }
  if (!same)
    fail<DataError>(place(group, name), "axis {} has other coordinates than in this group; name it differently or record it in another group", symphony::quoted(axis.name));
  return scale;
}

}  // namespace

std::vector<hsize_t> chunk_shape(std::span<const hsize_t> shape, std::size_t element_bytes) {
  hsize_t bytes = element_bytes;
  for (const hsize_t size : shape) bytes *= size;
  if (bytes < kSmallestChunkBytes) return {};
  std::vector<hsize_t> chunk(shape.begin(), shape.end());
  for (hsize_t& size : chunk) {
    if (bytes <= kLargestChunkBytes) break;
    const hsize_t row_bytes = bytes / size;
    const hsize_t fitting = std::max<hsize_t>(1, kLargestChunkBytes / row_bytes);
    const hsize_t num_chunks = (size + fitting - 1) / fitting;
    size = (size + num_chunks - 1) / num_chunks;  // equal parts, so that the last chunk is not mostly padding
    bytes = row_bytes * size;
  }
  return chunk;
}

H5Dataset create_on_axes(hid_t group, const std::string& name, hid_t type, std::span<const RecordAxis> axes) {
  std::vector<hsize_t> shape;
  for (const RecordAxis& axis : axes) shape.push_back(axis.size);
  return create_on_axes(group, name, type, axes, chunk_shape(shape, H5Tget_size(type)));
}

H5Dataset create_on_axes(hid_t group, const std::string& name, hid_t type, std::span<const RecordAxis> axes, std::span<const hsize_t> chunk) {
  if (h5::exists(group, name)) fail<DataError>(place(group, name), "the name is taken; every array and scalar is recorded once");
  std::vector<H5Dataset> scales;
  std::vector<hsize_t> shape;
  for (const RecordAxis& axis : axes) {
    check_axis(group, name, axis);
    const auto same_name = [&](const RecordAxis& other) { return other.name == axis.name; };
    if (std::count_if(axes.begin(), axes.end(), same_name) > 1)
      fail<DataError>(place(group, name), "two axes have the name {}; name the second one differently, such as '{}_2'", symphony::quoted(axis.name), axis.name);
    scales.push_back(h5::exists(group, axis.name) ? open_scale(group, name, axis) : create_scale(group, axis));
    shape.push_back(axis.size);
  }
  H5Dataset dataset = h5::create_dataset(group, name, type, shape, chunk);
  for (std::size_t axis_idx = 0; axis_idx < scales.size(); ++axis_idx)
    h5::attach_scale(dataset.id(), scales[axis_idx].id(), static_cast<unsigned>(axis_idx));
  return dataset;
}

H5Dataset create_growing_scale(hid_t group, const std::string& axis) {
  const hsize_t size = 0;
  H5Dataset scale = h5::create_dataset(group, axis, H5T_IEEE_F64LE, {&size, 1}, {&kGrowingChunkRows, 1}, true);
  h5::make_scale(scale.id(), axis);
  return scale;
}

H5Dataset create_growing_column(hid_t group, const std::string& name, hid_t type, hid_t scale) {
  if (h5::exists(group, name)) fail<DataError>(place(group, name), "the name is taken; every column is declared once");
  const hsize_t size = 0;
  H5Dataset column = h5::create_dataset(group, name, type, {&size, 1}, {&kGrowingChunkRows, 1}, true);
  h5::attach_scale(column.id(), scale, 0);
  return column;
}

void describe_dataset(hid_t dataset, const RecordInfo& info) {
  h5::set_attribute(dataset, layout::kUnit, info.unit);
  h5::set_attribute(dataset, layout::kDoc, info.doc);
}

}  // namespace symphony
