// Axes of recorded arrays as dimension scales: one scale an axis name and group, shared by all arrays there, labelled by text or numbers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/record.hpp"
#include "core/log/h5_handle.hpp"

namespace symphony {

/// Chunk of a dataset of `shape`: at most 1 MiB, and at least 128 KiB where one element's row allows; empty (contiguous) for less than 128 KiB.
std::vector<hsize_t> chunk_shape(std::span<const hsize_t> shape, std::size_t element_bytes);

/// Creates dataset `name` in `group` with a scale attached to every axis, making scales that are missing. Throws DataError for a name
/// that is taken, an axis named twice, or coordinates that differ from those of the scale that the group already holds.
H5Dataset create_on_axes(hid_t group, const std::string& name, hid_t type, std::span<const RecordAxis> axes);

/// The same with an explicit chunk.
H5Dataset create_on_axes(hid_t group, const std::string& name, hid_t type, std::span<const RecordAxis> axes, std::span<const hsize_t> chunk);

/// One growing axis and its empty float64 scale `axis` in `group`.
H5Dataset create_growing_scale(hid_t group, const std::string& axis);
/// An empty column on that scale.
H5Dataset create_growing_column(hid_t group, const std::string& name, hid_t type, hid_t scale);

/// Sets the attributes unit and doc.
void describe_dataset(hid_t dataset, const RecordInfo& info);

}  // namespace symphony
