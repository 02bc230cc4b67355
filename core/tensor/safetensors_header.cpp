// Reading the header trusts nothing: every number in it may have been chosen to make arithmetic overflow or a read leave the file.
#include "core/tensor/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace symphony {

namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped without conversion");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::string_view kMetadataKey = "__metadata__";
// What LibTorch's iterators can hold.
constexpr std::size_t kMaxRank = 64;

struct DtypeName {
  const char* name;
  torch::ScalarType dtype;
};
constexpr std::array<DtypeName, 10> kDtypes = {{{"F64", torch::kFloat64}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
                                                {"BF16", torch::kBFloat16}, {"I64", torch::kInt64}, {"I32", torch::kInt32},
                                                {"I16", torch::kInt16}, {"I8", torch::kInt8}, {"U8", torch::kUInt8}, {"BOOL", torch::kBool}}};

std::vector<std::string> dtype_names() {
  std::vector<std::string> names;
  for (const DtypeName& known : kDtypes) names.emplace_back(known.name);
  return names;
}

/// Bytes of a tensor, or nothing when they do not fit in 63 bits. Zero-sized axes do not excuse the others: strides are their products.
std::optional<std::uint64_t> byte_size(torch::ScalarType dtype, const std::vector<std::int64_t>& shape) {
  std::int64_t product = static_cast<std::int64_t>(torch::elementSize(dtype));
  bool is_empty = false;
  for (const std::int64_t size : shape) {
    is_empty = is_empty || size == 0;
    if (size != 0 && __builtin_mul_overflow(product, size, &product)) return {};
  }
  return is_empty ? 0 : static_cast<std::uint64_t>(product);
}

/// One tensor's entry; `where` names the file and the tensor.
class EntryParser {
 public:
  EntryParser(const std::string& name, const Value& entry, std::uint64_t data_bytes, std::string_view file)
      : where_(fmt::format("{}: tensor {}", file, quoted(name))), name_(name), entry_(entry), data_bytes_(data_bytes) {}

  SafetensorsEntry parse() const {
    if (!entry_.is_map()) fail<DataError>(where_, "got {}, expected a map of dtype, shape and data_offsets", entry_.describe());
    static const std::vector<std::string> known = {"dtype", "shape", "data_offsets"};
    for (const auto& [key, value] : entry_.as_map())
      if (std::find(known.begin(), known.end(), key) == known.end()) fail<DataError>(where_, "unknown key {}; {}", quoted(key), name_hint(key, known));
    SafetensorsEntry parsed{{name_, dtype(), shape()}, 0, 0};
    std::tie(parsed.begin, parsed.end) = offsets();
    check_bytes(parsed);
    return parsed;
  }

 private:
  const Value& member(std::string_view key) const {
    const Value* value = entry_.find(key);
    if (!value) fail<DataError>(where_, "has no {}", key);
    return *value;
  }

  torch::ScalarType dtype() const {
    const Value& value = member("dtype");
    if (!value.is_string()) fail<DataError>(where_, "dtype is {}, expected a string", value.describe());
    const auto known = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const DtypeName& candidate) { return value.as_string() == candidate.name; });
    if (known == kDtypes.end()) fail<DataError>(where_, "unknown dtype {}; {}", quoted(value.as_string()), name_hint(value.as_string(), dtype_names()));
    return known->dtype;
  }

  std::vector<std::int64_t> shape() const {
    const Value& value = member("shape");
    if (!value.is_list()) fail<DataError>(where_, "shape is {}, expected a list of sizes", value.describe());
    if (value.as_list().size() > kMaxRank) fail<DataError>(where_, "has {} axes, expected at most {}", value.as_list().size(), kMaxRank);
    std::vector<std::int64_t> sizes;
    for (const Value& size : value.as_list()) {
      if (!size.is_int() || size.as_int() < 0) fail<DataError>(where_, "shape holds {}, expected integers from 0 to 2^63 - 1", size.describe());
      sizes.push_back(size.as_int());
    }
    return sizes;
  }

  std::pair<std::uint64_t, std::uint64_t> offsets() const {
    const Value& value = member("data_offsets");
    const auto is_offset = [](const Value& offset) { return offset.is_int() && offset.as_int() >= 0; };
    if (!value.is_list() || value.as_list().size() != 2 || !std::all_of(value.as_list().begin(), value.as_list().end(), is_offset))
      fail<DataError>(where_, "data_offsets are not two integers from 0 to 2^63 - 1");
    const auto begin = static_cast<std::uint64_t>(value.as_list()[0].as_int()), end = static_cast<std::uint64_t>(value.as_list()[1].as_int());
    if (begin > end || end > data_bytes_)
      fail<DataError>(where_, "data_offsets are [{}, {}], expected an ascending range within the {} bytes of data (is the file truncated?)",
                      begin, end, data_bytes_);
    return {begin, end};
  }

  void check_bytes(const SafetensorsEntry& parsed) const {
    const auto expected = byte_size(parsed.info.dtype, parsed.info.shape);
    if (!expected) fail<DataError>(where_, "shape {} has more elements than can be addressed", shape_text(parsed.info.shape));
    if (parsed.end - parsed.begin != *expected)
      fail<DataError>(where_, "data_offsets span {} bytes, but {} of shape {} takes {}", parsed.end - parsed.begin,
                      member("dtype").as_string(), shape_text(parsed.info.shape), *expected);
  }

  std::string where_;
  const std::string& name_;
  const Value& entry_;
  std::uint64_t data_bytes_;
};

SafetensorsMetadata parse_metadata(const Value& tree, std::string_view where) {
  if (!tree.is_map()) fail<DataError>(where, "{} is {}, expected a map of strings", kMetadataKey, tree.describe());
  SafetensorsMetadata metadata;
  for (const auto& [key, value] : tree.as_map()) {
    if (!value.is_string()) fail<DataError>(where, "{} has {} under {}, expected a string", kMetadataKey, value.describe(), quoted(key));
    metadata.emplace(key, value.as_string());
  }
  return metadata;
}

/// The entries must tile the data section: no byte is read twice and none hides outside every tensor.
void check_tiling(const SafetensorsHeader& header, std::uint64_t data_bytes, std::string_view where) {
  std::vector<const SafetensorsEntry*> by_offset;
  for (const SafetensorsEntry& entry : header.entries) by_offset.push_back(&entry);
  std::sort(by_offset.begin(), by_offset.end(),
            [](const SafetensorsEntry* a, const SafetensorsEntry* b) { return std::tie(a->begin, a->end) < std::tie(b->begin, b->end); });
  std::uint64_t covered = 0;
  const SafetensorsEntry* previous = nullptr;
  for (const SafetensorsEntry* entry : by_offset) {
    if (entry->begin < covered)
      fail<DataError>(where, "tensor {} at byte {} overlaps tensor {}, which ends at {}", quoted(entry->info.name), entry->begin,
                      quoted(previous->info.name), covered);
    if (entry->begin > covered)
      fail<DataError>(where, "{} bytes before tensor {} belong to no tensor", entry->begin - covered, quoted(entry->info.name));
    const std::uint64_t item_bytes = torch::elementSize(entry->info.dtype);
    if ((header.data_start + entry->begin) % item_bytes != 0)
      fail<DataError>(where, "tensor {} starts at byte {} of the file, expected a multiple of its element size, {}; save it again with a current writer",
                      quoted(entry->info.name), header.data_start + entry->begin, item_bytes);
    covered = entry->end;
    previous = entry;
  }
  if (covered != data_bytes) fail<DataError>(where, "{} bytes after the last tensor belong to no tensor", data_bytes - covered);
}

std::uint64_t checked_header_bytes(std::string_view file, std::string_view where) {
  if (file.size() < kLengthBytes)
    fail<DataError>(where, "the file has {} bytes, expected at least the {} of its header length (is it truncated?)", file.size(), kLengthBytes);
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), kLengthBytes);
  if (header_bytes > kMaxSafetensorsHeaderBytes)
    fail<DataError>(where, "the header claims {} bytes, expected at most {} (is this a safetensors file?)", header_bytes, kMaxSafetensorsHeaderBytes);
  if (header_bytes > file.size() - kLengthBytes)
    fail<DataError>(where, "the header claims {} bytes, but only {} follow (is the file truncated?)", header_bytes, file.size() - kLengthBytes);
  return header_bytes;
}

}  // namespace

std::string safetensors_dtype_name(torch::ScalarType dtype, std::string_view where) {
  const auto known = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const DtypeName& candidate) { return candidate.dtype == dtype; });
  if (known == kDtypes.end()) fail<DataError>(where, "dtype {} cannot be stored, expected one of {}", torch::toString(dtype), join(dtype_names(), ", "));
  return known->name;
}

SafetensorsHeader parse_safetensors_header(std::string_view file, std::string_view where) {
  const std::uint64_t header_bytes = checked_header_bytes(file, where);
  const std::string_view json = file.substr(kLengthBytes, header_bytes);
  if (!json.starts_with('{')) fail<DataError>(where, "the header does not start with '{{' (is this a safetensors file?)");
  const Value tree = parse_json(json, fmt::format("{}: header", where));

  SafetensorsHeader header;
  header.data_start = kLengthBytes + header_bytes;
  const std::uint64_t data_bytes = file.size() - header.data_start;
  for (const auto& [name, entry] : tree.as_map()) {
    if (name == kMetadataKey) header.metadata = parse_metadata(entry, where);
    else header.entries.push_back(EntryParser(name, entry, data_bytes, where).parse());
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) { return a.info.name < b.info.name; });
  check_tiling(header, data_bytes, where);
  return header;
}

SafetensorsHeader plan_safetensors(const std::vector<TensorInfo>& infos, SafetensorsMetadata metadata, std::string_view where) {
  SafetensorsHeader header;
  header.metadata = std::move(metadata);
  for (const TensorInfo& info : infos) {
    if (info.name == kMetadataKey) fail<DataError>(where, "{} cannot be the name of a tensor", quoted(info.name));
    if (info.shape.size() > kMaxRank) fail<DataError>(where, "tensor {} has {} axes, expected at most {}", quoted(info.name), info.shape.size(), kMaxRank);
    header.entries.push_back({info, 0, 0});
  }
  const auto narrower = [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    const auto a_bytes = torch::elementSize(a.info.dtype), b_bytes = torch::elementSize(b.info.dtype);
    return a_bytes != b_bytes ? a_bytes > b_bytes : a.info.name < b.info.name;
  };
  std::sort(header.entries.begin(), header.entries.end(), narrower);
  std::uint64_t position = 0;
  for (SafetensorsEntry& entry : header.entries) {
    const auto bytes = byte_size(entry.info.dtype, entry.info.shape);
    if (!bytes) fail<DataError>(where, "tensor {} of shape {} has more elements than can be addressed", quoted(entry.info.name), shape_text(entry.info.shape));
    entry.begin = position;
    entry.end = position += *bytes;
  }
  header.data_start = 0;
  header.data_start = encode_safetensors_header(header, where).size();
  std::sort(header.entries.begin(), header.entries.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) { return a.info.name < b.info.name; });
  return header;
}

std::string encode_safetensors_header(const SafetensorsHeader& header, std::string_view where) {
  ValueMap tree;
  if (!header.metadata.empty()) {
    ValueMap metadata;
    for (const auto& [key, value] : header.metadata) metadata.emplace_back(key, value);
    tree.emplace_back(std::string(kMetadataKey), std::move(metadata));
  }
  for (const SafetensorsEntry& entry : header.entries) {
    const ValueList shape(entry.info.shape.begin(), entry.info.shape.end());
    const ValueList offsets = {static_cast<std::int64_t>(entry.begin), static_cast<std::int64_t>(entry.end)};
    tree.emplace_back(entry.info.name, ValueMap{{"dtype", safetensors_dtype_name(entry.info.dtype, where)}, {"shape", shape}, {"data_offsets", offsets}});
  }
  std::string json = to_json(tree);
  json.append((kLengthBytes - json.size() % kLengthBytes) % kLengthBytes, ' ');
  if (json.size() > kMaxSafetensorsHeaderBytes)
    fail<DataError>(where, "the header would take {} bytes, expected at most {}", json.size(), kMaxSafetensorsHeaderBytes);
  std::string bytes(kLengthBytes, '\0');
  const std::uint64_t length = json.size();
  std::memcpy(bytes.data(), &length, kLengthBytes);
  return bytes + json;
}

}  // namespace symphony
