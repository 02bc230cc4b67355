// Hostile safetensors headers: each is refused with a clear error.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "core/tensor/safetensors.hpp"
#include "tests/core/tensor/safetensors_bytes.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

SafetensorsHeader parse(const std::string& header, const std::string& data) {
  return parse_safetensors_header(pack_safetensors(padded(header), data), "x.safetensors");
}

/// `message` must be what follows "x.safetensors: ".
void check_refused(const std::string& header, const std::string& data, const std::string& message) {
  CAPTURE(header);
  CHECK_THROWS_WITH(parse(header, data), fmt::format("x.safetensors: {}", message));
  CHECK_THROWS_AS(parse(header, data), DataError);
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape, offsets);
}

std::string map_of(const std::vector<std::string>& entries) { return fmt::format("{{{}}}", join(entries, ",")); }

const std::string kTwelve(12, 'x');

}  // namespace

TEST_CASE("safetensors: entries, metadata and offsets of a hand-written header are read", "[core][tensor]") {
  const auto header = parse(map_of({R"("__metadata__":{"format":"pt"})", entry("b", "F32", "[2,1]", "[0,8]"), entry("a", "BF16", "[2]", "[8,12]")}), kTwelve);
  REQUIRE(header.entries.size() == 2);
  CHECK(header.entries[0].info.name == "a");
  CHECK(header.entries[0].info.dtype == torch::kBFloat16);
  CHECK(header.entries[0].begin == 8);
  CHECK(header.entries[1].info.shape == std::vector<std::int64_t>{2, 1});
  CHECK(header.metadata == SafetensorsMetadata{{"format", "pt"}});
  CHECK(header.data_start % 8 == 0);
}

TEST_CASE("safetensors: scalars, empty tensors and files without tensors are legal", "[core][tensor]") {
  CHECK(parse("{}", "").entries.empty());
  const auto header = parse(map_of({entry("scalar", "F32", "[]", "[0,4]"), entry("empty", "F32", "[0,7]", "[4,4]")}), "abcd");
  CHECK(header.entries[0].info.shape == std::vector<std::int64_t>{0, 7});
  CHECK(header.entries[1].info.shape.empty());
}

TEST_CASE("safetensors: a file too short for its header is refused", "[core][tensor]") {
  CHECK_THROWS_WITH(parse_safetensors_header("", "x"), "x: the file has 0 bytes, expected at least the 8 of its header length (is it truncated?)");
  CHECK_THROWS_WITH(parse_safetensors_header("\x02", "x"), "x: the file has 1 bytes, expected at least the 8 of its header length (is it truncated?)");
  const std::string whole = pack_safetensors("{}      ", "");
  CHECK_THROWS_WITH(parse_safetensors_header(whole.substr(0, 12), "x"),
                    "x: the header claims 8 bytes, but only 4 follow (is the file truncated?)");
}

TEST_CASE("safetensors: a header of absurd length is refused without reading it", "[core][tensor]") {
  CHECK_THROWS_WITH(parse_safetensors_header("{\"a\": 1}, a JSON file", "x"), Contains("expected at most 100000000 (is this a safetensors file?)"));
  const std::string all_ones(16, '\xff');
  CHECK_THROWS_WITH(parse_safetensors_header(all_ones, "x"),
                    "x: the header claims 18446744073709551615 bytes, expected at most 100000000 (is this a safetensors file?)");
}

TEST_CASE("safetensors: a header that is not a JSON map is refused", "[core][tensor]") {
  check_refused("[1]", "", "the header does not start with '{' (is this a safetensors file?)");
  check_refused(" {}", "", "the header does not start with '{' (is this a safetensors file?)");
  CHECK_THROWS_WITH(parse("{\"a\":", ""), Contains("x.safetensors: header:1:") && Contains("not valid JSON"));
  CHECK_THROWS_WITH(parse("{\"\xff\":1}", ""), Contains("not valid JSON"));
  CHECK_THROWS_WITH(parse(fmt::format(R"({{"a":{})", std::string(5000, '[')), ""), Contains("nested too deeply"));
}

TEST_CASE("safetensors: a tensor named twice is refused", "[core][tensor]") {
  CHECK_THROWS_WITH(parse(map_of({entry("a", "F32", "[1]", "[0,4]"), entry("a", "F32", "[1]", "[4,8]")}), "abcdefgh"),
                    Contains("duplicate key 'a'"));
}

TEST_CASE("safetensors: malformed entries are refused with the tensor's name", "[core][tensor]") {
  check_refused("{\"a\":3}", "", "tensor 'a': got the number 3, expected a map of dtype, shape and data_offsets");
  check_refused("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", "abcd", "tensor 'a': has no dtype");
  check_refused("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "abcd", "tensor 'a': has no shape");
  check_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "abcd", "tensor 'a': has no data_offsets");
  check_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offset\":[0,4]}}", "abcd",
                "tensor 'a': unknown key 'data_offset'; did you mean 'data_offsets'?");
  check_refused(map_of({entry("a", "F31", "[1]", "[0,4]")}), "abcd", "tensor 'a': unknown dtype 'F31'; did you mean 'F32'?");
  check_refused("{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", "abcd", "tensor 'a': dtype is the number 7, expected a string");
  check_refused("{\"__metadata__\":{\"k\":1}}", "", "__metadata__ has the number 1 under 'k', expected a string");
  check_refused("{\"__metadata__\":[]}", "", "__metadata__ is a list of 0, expected a map of strings");
}

TEST_CASE("safetensors: shapes that are negative, fractional or overflow are refused", "[core][tensor]") {
  check_refused(map_of({entry("a", "F32", "[-1]", "[0,4]")}), "abcd", "tensor 'a': shape holds the number -1, expected integers from 0 to 2^63 - 1");
  CHECK_THROWS_WITH(parse(map_of({entry("a", "F32", "[1.5]", "[0,4]")}), "abcd"), Contains("expected integers from 0 to 2^63 - 1"));
  CHECK_THROWS_WITH(parse(map_of({entry("a", "F32", "[18446744073709551615]", "[0,4]")}), "abcd"), Contains("expected integers from 0"));
  check_refused(map_of({entry("a", "F32", "4", "[0,4]")}), "abcd", "tensor 'a': shape is the number 4, expected a list of sizes");
  check_refused(map_of({entry("a", "F32", "[4294967296,4294967296]", "[0,4]")}), "abcd",
                "tensor 'a': shape [4294967296, 4294967296] has more elements than can be addressed");
  check_refused(map_of({entry("a", "F32", "[0,4294967296,4294967296]", "[0,0]")}), "",
                "tensor 'a': shape [0, 4294967296, 4294967296] has more elements than can be addressed");
  check_refused(map_of({entry("a", "F64", "[2305843009213693952]", "[0,0]")}), "",
                "tensor 'a': shape [2305843009213693952] has more elements than can be addressed");
  const std::string axes = fmt::format("[{}]", join(std::vector<std::string>(65, "1"), ","));
  check_refused(map_of({entry("a", "F32", axes, "[0,4]")}), "abcd", "tensor 'a': has 65 axes, expected at most 64");
}

TEST_CASE("safetensors: offsets outside the file, descending or not two numbers are refused", "[core][tensor]") {
  const auto out_of_range = [](const std::string& offsets, const std::string& printed) {
    check_refused(map_of({entry("a", "F32", "[3]", offsets)}), kTwelve,
                  fmt::format("tensor 'a': data_offsets are {}, expected an ascending range within the 12 bytes of data (is the file truncated?)", printed));
  };
  out_of_range("[0,13]", "[0, 13]");
  out_of_range("[12,0]", "[12, 0]");
  out_of_range("[9223372036854775800,9223372036854775807]", "[9223372036854775800, 9223372036854775807]");
  const std::string malformed = "tensor 'a': data_offsets are not two integers from 0 to 2^63 - 1";
  for (const char* offsets : {"[0]", "[0,12,12]", "[-4,8]", "[0,1e1]", "[0,18446744073709551615]", "\"0,12\"", "{}"})
    check_refused(map_of({entry("a", "F32", "[3]", offsets)}), kTwelve, malformed);
}

TEST_CASE("safetensors: a byte range that does not fit dtype and shape is refused", "[core][tensor]") {
  check_refused(map_of({entry("a", "F32", "[2]", "[0,12]")}), kTwelve, "tensor 'a': data_offsets span 12 bytes, but F32 of shape [2] takes 8");
  check_refused(map_of({entry("a", "F16", "[]", "[0,12]")}), kTwelve, "tensor 'a': data_offsets span 12 bytes, but F16 of shape [] takes 2");
}

TEST_CASE("safetensors: overlaps, gaps and trailing bytes are refused", "[core][tensor]") {
  check_refused(map_of({entry("a", "F32", "[2]", "[0,8]"), entry("b", "F32", "[2]", "[4,12]")}), kTwelve,
                "tensor 'b' at byte 4 overlaps tensor 'a', which ends at 8");
  check_refused(map_of({entry("a", "F32", "[2]", "[0,8]"), entry("b", "F32", "[2]", "[0,8]")}), "abcdefgh",
                "tensor 'b' at byte 0 overlaps tensor 'a', which ends at 8");
  check_refused(map_of({entry("a", "F32", "[1]", "[0,4]"), entry("b", "F32", "[1]", "[8,12]")}), kTwelve,
                "4 bytes before tensor 'b' belong to no tensor");
  check_refused(map_of({entry("a", "F32", "[1]", "[8,12]")}), kTwelve, "8 bytes before tensor 'a' belong to no tensor");
  check_refused(map_of({entry("a", "F32", "[2]", "[0,8]")}), kTwelve, "4 bytes after the last tensor belong to no tensor");
  check_refused("{}", "abcd", "4 bytes after the last tensor belong to no tensor");
}

TEST_CASE("safetensors: a tensor that is not aligned to its element size is refused", "[core][tensor]") {
  const std::string header = padded(map_of({entry("a", "U8", "[2]", "[0,2]"), entry("b", "F32", "[1]", "[2,6]")}));
  CHECK_THROWS_WITH(parse_safetensors_header(pack_safetensors(header, "abcdef"), "x"),
                    fmt::format("x: tensor 'b' starts at byte {} of the file, expected a multiple of its element size, 4; save it again with a current writer",
                                8 + header.size() + 2));
}

TEST_CASE("safetensors: planning and encoding are undone by parsing", "[core][tensor]") {
  const std::vector<TensorInfo> infos = {{"flags", torch::kBool, {3}}, {"half", torch::kFloat16, {5}}, {"none", torch::kFloat32, {0, 4}},
                                         {"ids", torch::kInt64, {2}},  {"weight", torch::kFloat32, {3, 1}}};
  const SafetensorsHeader planned = plan_safetensors(infos, {{"format", "pt"}, {"note", "\"quotes\" and \n"}}, "x");
  const std::string head = encode_safetensors_header(planned, "x");
  CHECK(head.size() == planned.data_start);
  const SafetensorsHeader parsed = parse_safetensors_header(head + std::string(16 + 12 + 10 + 3, 'x'), "x");
  CHECK(parsed.metadata == planned.metadata);
  CHECK(parsed.data_start == planned.data_start);
  REQUIRE(parsed.entries.size() == planned.entries.size());
  for (std::size_t entry_idx = 0; entry_idx < parsed.entries.size(); ++entry_idx) {
    CHECK(parsed.entries[entry_idx].info.name == planned.entries[entry_idx].info.name);
    CHECK(parsed.entries[entry_idx].info.shape == planned.entries[entry_idx].info.shape);
    CHECK(parsed.entries[entry_idx].begin == planned.entries[entry_idx].begin);
  }
}

TEST_CASE("safetensors: what the format cannot hold is not planned", "[core][tensor]") {
  CHECK_THROWS_WITH(encode_safetensors_header(plan_safetensors({{"a", torch::kComplexFloat, {1}}}, {}, "x"), "x"),
                    "x: dtype ComplexFloat cannot be stored, expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL");
  CHECK_THROWS_WITH(plan_safetensors({{"__metadata__", torch::kFloat32, {1}}}, {}, "x"), "x: '__metadata__' cannot be the name of a tensor");
}
