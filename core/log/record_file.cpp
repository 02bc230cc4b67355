// The Recorder on HDF5: names with '/' become groups, axes become the dimension scales of the array's group.
#include "core/log/record_file.hpp"

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/log/axis_scale.hpp"
#include "core/log/h5_call.hpp"
#include "core/log/layout.hpp"

namespace symphony {

struct RecordFile::State {
  std::filesystem::path path;
  H5File file;
};

namespace {

struct SplitName {
  std::string group;
  std::string leaf;
};

SplitName split_name(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash == std::string_view::npos) return {"", std::string(name)};
  return {std::string(name.substr(0, slash)), std::string(name.substr(slash + 1))};
}

template <typename Number>
void write_array(hid_t file, const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const Number> values, hid_t type, hid_t memory_type) {
  std::vector<std::int64_t> shape;
  std::size_t product = 1;
  for (const RecordAxis& axis : axes) {
    shape.push_back(static_cast<std::int64_t>(axis.size));
    product *= axis.size;
  }
  if (product != values.size())
    fail<DataError>(info.name, "got {} values, expected {} for axes of shape {}", values.size(), product, shape_text(shape));
  const SplitName name = split_name(info.name);
  const H5Group group = h5::require_group(file, name.group);
  const H5Dataset dataset = create_on_axes(group.id(), name.leaf, type, axes);
  if (product > 0) h5::write(dataset.id(), memory_type, values.data());
  describe_dataset(dataset.id(), info);
}

class ScopedRecorder final : public Recorder {
 public:
  ScopedRecorder(Recorder& target, std::string group) : target_(target), prefix_(std::move(group) + "/") {}
  void array(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const float> values) override {
    target_.array({prefix_ + info.name, info.unit, info.doc}, axes, values);
  }
  void scalar(const RecordInfo& info, double value) override { target_.scalar({prefix_ + info.name, info.unit, info.doc}, value); }
  void note(std::string_view name, std::string_view text) override { target_.note(prefix_ + std::string(name), text); }

 private:
  Recorder& target_;
  std::string prefix_;
};

}  // namespace

RecordFile::RecordFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
RecordFile::RecordFile(RecordFile&&) noexcept = default;
RecordFile& RecordFile::operator=(RecordFile&&) noexcept = default;
RecordFile::~RecordFile() = default;

RecordFile RecordFile::create(const std::filesystem::path& path) {
  auto state = std::make_unique<State>(State{path, h5::create_file(path)});
  h5::set_attribute(state->file.id(), layout::kSchema, layout::kRecordSchema);
  h5::set_attribute(state->file.id(), layout::kSchemaVersion, std::int64_t{layout::kVersion});
  h5::flush(state->file.id());
  return RecordFile(std::move(state));
}

RecordFile RecordFile::append(const std::filesystem::path& path) {
  return RecordFile(std::make_unique<State>(State{path, h5::open_file(path, h5::Access::append)}));
}

void RecordFile::array(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const float> values) {
  write_array(state_->file.id(), info, axes, values, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT);
}

void RecordFile::array_f64(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const double> values) {
  write_array(state_->file.id(), info, axes, values, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE);
}

void RecordFile::array_i64(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const std::int64_t> values) {
  write_array(state_->file.id(), info, axes, values, H5T_STD_I64LE, H5T_NATIVE_INT64);
}

void RecordFile::scalar(const RecordInfo& info, double value) { array_f64(info, {}, {&value, 1}); }

void RecordFile::note(std::string_view name, std::string_view text) {
  const SplitName target = split_name(name);
  if (!h5::exists(state_->file.id(), target.group)) h5::require_group(state_->file.id(), target.group);
  const H5Object object = h5::open_object(state_->file.id(), target.group.empty() ? "." : target.group);
  if (h5::has_attribute(object.id(), target.leaf)) fail<DataError>(name, "the note is already there; every note is written once");
  h5::set_attribute(object.id(), target.leaf, text);
}

std::unique_ptr<Recorder> RecordFile::scoped(std::string group) { return std::make_unique<ScopedRecorder>(*this, std::move(group)); }

void RecordFile::flush() { h5::flush(state_->file.id()); }
const std::filesystem::path& RecordFile::path() const { return state_->path; }
std::int64_t RecordFile::id() const { return state_->file.id(); }

}  // namespace symphony
