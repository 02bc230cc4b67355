// Transforms as data trees: maps with "perm" (and "sign", "scale"), with "matrix" (row by row, "size" a side, "blocks" of them), with "real"
// and "imaginary" (factors, "blocks" stretches of equally many), or with "shares" (of a mixing, row by row, "size" a side).
#include <algorithm>

#include "core/align/transform.hpp"
#include "core/base/error.hpp"

namespace symphony {

namespace {

const Value& required_list(const Value& value, std::string_view key, const std::string& where) {
  const Value* found = value.find(key);
  if (!found || !found->is_list()) fail<DataError>(where, "a transform needs a list '{}'", key);
  return *found;
}

std::vector<std::int64_t> integers(const Value& value, const std::string& where) {
  std::vector<std::int64_t> result;
  for (const Value& item : value.as_list()) {
    if (!item.is_int()) fail<DataError>(where, "expected a list of integers, got {} in it", item.describe());
    result.push_back(item.as_int());
  }
  return result;
}

std::vector<double> numbers(const Value& value, const std::string& where) {
  std::vector<double> result;
  for (const Value& item : value.as_list()) {
    if (!item.is_number()) fail<DataError>(where, "expected a list of numbers, got {} in it", item.describe());
    result.push_back(item.as_double());
  }
  return result;
}

ValueList list_of(const torch::Tensor& values) {
  const torch::Tensor flat = values.to(torch::kFloat64).reshape({-1}).contiguous();
  ValueList list;
  for (std::int64_t entry = 0; entry < flat.numel(); ++entry) list.emplace_back(flat.data_ptr<double>()[entry]);
  return list;
}

std::int64_t count(const Value& value, std::string_view key, std::int64_t absent) {
  const Value* found = value.find(key);
  if (!found) return absent;
  return found->is_int() && found->as_int() > 0 ? found->as_int() : 0;
}

Transform monomial_from(const Value& value, const std::string& where) {
  std::vector<std::int8_t> sign;
  if (value.find("sign"))
    for (const std::int64_t item : integers(required_list(value, "sign", where), where)) sign.push_back(item == 1 ? 1 : item == -1 ? -1 : 0);
  std::vector<double> scale;
  if (value.find("scale")) scale = numbers(required_list(value, "scale", where), where);
  return Transform::monomial(integers(required_list(value, "perm", where), where), std::move(sign), std::move(scale));
}

Transform blocks_from(const Value& value, const std::string& where) {
  const std::vector<double> entries = numbers(required_list(value, "matrix", where), where);
  const std::int64_t size = count(value, "size", 0), blocks = count(value, "blocks", 1);
  if (size == 0 || blocks == 0 || static_cast<std::int64_t>(entries.size()) != blocks * size * size)
    fail<DataError>(where, "a transform's 'matrix' has {} entries, expected {} x size x size with size {}", entries.size(), blocks, size);
  return Transform::blocks(torch::tensor(entries, torch::kFloat64).reshape({blocks, size, size}));
}

Transform pairs_from(const Value& value, const std::string& where) {
  const std::vector<double> real = numbers(required_list(value, "real", where), where);
  const std::vector<double> imaginary = numbers(required_list(value, "imaginary", where), where);
  const std::int64_t blocks = count(value, "blocks", 0);
  if (blocks == 0 || real.size() != imaginary.size() || static_cast<std::int64_t>(real.size()) % blocks != 0)
    fail<DataError>(where, "a transform has {} real and {} imaginary parts for {} blocks, expected as many of each, a multiple of 'blocks' of at least 1",
                    real.size(), imaginary.size(), blocks);
  const auto part = [&](const std::vector<double>& values) { return torch::tensor(values, torch::kFloat64).reshape({blocks, -1}); };
  return Transform::pairs(torch::complex(part(real), part(imaginary)));
}

Transform mixing_from(const Value& value, const std::string& where) {
  const std::vector<double> shares = numbers(required_list(value, "shares", where), where);
  const std::int64_t size = count(value, "size", 0);
  if (size == 0 || static_cast<std::int64_t>(shares.size()) != size * size)
    fail<DataError>(where, "a transform's 'shares' has {} entries, expected size x size with size {}", shares.size(), size);
  return Transform::mixing(torch::tensor(shares, torch::kFloat64).reshape({size, size}));
}

}  // namespace

Value Transform::to_value() const {
  Value value{ValueMap{}};
  if (is_mixing()) {
    value.set("size", size());
    value.set("shares", list_of(entries_));
    return value;
  }
  if (kind_ == TransformKind::blocks) {
    value.set("size", entries_.size(1));
    value.set("blocks", num_blocks());
    value.set("matrix", list_of(entries_));
    return value;
  }
  if (kind_ == TransformKind::pairs) {
    value.set("blocks", num_blocks());
    value.set("real", list_of(torch::real(entries_)));
    value.set("imaginary", list_of(torch::imag(entries_)));
    return value;
  }
  value.set("perm", ValueList(perm_.begin(), perm_.end()));
  if (count_negative() > 0) {
    ValueList signs;
    for (const std::int8_t sign : sign_) signs.emplace_back(int{sign});
    value.set("sign", std::move(signs));
  }
  if (!scale_.empty()) value.set("scale", ValueList(scale_.begin(), scale_.end()));
  return value;
}

Transform Transform::from_value(const Value& value, const std::string& where) {
  if (!value.is_map()) fail<DataError>(where, "a transform is a map with 'perm', 'matrix', 'real' or 'shares', got {}", value.describe());
  if (value.find("matrix")) return blocks_from(value, where);
  if (value.find("shares")) return mixing_from(value, where);
  return value.find("real") ? pairs_from(value, where) : monomial_from(value, where);
}

}  // namespace symphony
