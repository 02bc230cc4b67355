// Reading and writing safetensors files.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/tensor/safetensors.hpp"
#include "tests/core/tensor/safetensors_bytes.hpp"

using namespace symphony;
using namespace symphony::testing;
using Catch::Matchers::Contains;

namespace {

/// "a" int64 [2] = {1, -2}, "b" float32 [2, 1] = {1.5, -0.25}, "c" bool [3] = {1, 0, 1}, all bytes written out by hand.
std::string golden_file() {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},)"
      R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[16,24]},"c":{"dtype":"BOOL","shape":[3],"data_offsets":[24,27]}})";
  const std::string data("\x01\0\0\0\0\0\0\0" "\xfe\xff\xff\xff\xff\xff\xff\xff" "\0\0\xc0\x3f" "\0\0\x80\xbe" "\x01\0\x01", 27);
  return pack_safetensors(padded(header), data);
}

TensorMap golden_tensors() {
  return {{"a", torch::tensor({1, -2}, torch::kInt64)}, {"b", torch::tensor({1.5f, -0.25f}).reshape({2, 1})},
          {"c", torch::tensor({1, 0, 1}).to(torch::kBool)}};
}

void write_file(const std::filesystem::path& path, const TensorMap& tensors, SafetensorsMetadata metadata = {}) {
  SafetensorsSink sink(path, std::move(metadata));
  copy_tensors(MemorySource(tensors, "memory"), sink);
}

bool same_bits(const torch::Tensor& a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         (a.nbytes() == 0 || std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0);
}

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

}  // namespace

TEST_CASE("safetensors: a hand-packed file reads as the tensors it was packed from", "[core][tensor]") {
  const TemporaryFolder folder;
  write_bytes(folder / "golden.safetensors", golden_file());
  const SafetensorsSource source(folder / "golden.safetensors");
  CHECK(source.label() == (folder / "golden.safetensors").string());
  CHECK(source.metadata().at("format") == "pt");
  CHECK(source.names() == std::vector<std::string>{"a", "b", "c"});
  for (const auto& [name, tensor] : golden_tensors()) CHECK(same_bits(source.get(name), tensor));
}

TEST_CASE("safetensors: the writer produces the hand-packed file byte for byte", "[core][tensor]") {
  const TemporaryFolder folder;
  write_file(folder / "written.safetensors", golden_tensors(), {{"format", "pt"}});
  CHECK(read_bytes(folder / "written.safetensors") == golden_file());
}

TEST_CASE("safetensors: every dtype survives writing and reading bit for bit", "[core][tensor]") {
  const TemporaryFolder folder;
  TensorMap tensors;
  for (const auto dtype : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64, torch::kInt32, torch::kInt16,
                           torch::kInt8, torch::kUInt8, torch::kBool}) {
    const std::string name = torch::toString(dtype);
    tensors[name] = torch::arange(-3, 4).to(dtype);
    tensors[name + ".empty"] = torch::empty({0, 5}, dtype);
    tensors[name + ".scalar"] = torch::ones({}, dtype);
  }
  tensors["nan"] = torch::tensor({std::nanf("7"), INFINITY, -0.0f});
  write_file(folder / "all.safetensors", tensors);
  const SafetensorsSource source(folder / "all.safetensors");
  REQUIRE(source.infos().size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    CAPTURE(name);
    CHECK(same_bits(source.get(name), tensor));
  }
}

TEST_CASE("safetensors: strided and differentiable tensors are written by their values", "[core][tensor]") {
  const TemporaryFolder folder;
  const torch::Tensor matrix = torch::arange(6, torch::kFloat32).reshape({2, 3}).requires_grad_();
  write_file(folder / "t.safetensors", {{"t", matrix.t()}});
  CHECK(torch::equal(SafetensorsSource(folder / "t.safetensors").get("t"), matrix.detach().t()));
}

TEST_CASE("safetensors: tensors point into the mapping and outlive source and file", "[core][tensor]") {
  const TemporaryFolder folder;
  write_bytes(folder / "golden.safetensors", golden_file());
  torch::Tensor tensor;
  {
    const SafetensorsSource source(folder / "golden.safetensors");
    tensor = source.get("b");
    CHECK(tensor.data_ptr() == source.get("b").data_ptr());
  }
  std::filesystem::remove(folder / "golden.safetensors");
  CHECK(torch::equal(tensor, golden_tensors().at("b")));
}

TEST_CASE("safetensors: a missing tensor is answered with the file and the nearest name", "[core][tensor]") {
  const TemporaryFolder folder;
  write_file(folder / "x.safetensors", {{"model.norm.weight", torch::ones({2})}});
  CHECK_THROWS_WITH(SafetensorsSource(folder / "x.safetensors").get("model.norm.wieght"),
                    (folder / "x.safetensors").string() + ": no tensor 'model.norm.wieght'; did you mean 'model.norm.weight'?");
}

TEST_CASE("safetensors: paths that are not files are refused", "[core][tensor]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(SafetensorsSource(folder / "absent.safetensors"), Contains("absent.safetensors: cannot be opened: No such file or directory"));
  CHECK_THROWS_WITH(SafetensorsSource(folder.path()), Contains("the folder holds neither model.safetensors nor model.safetensors.index.json"));
  write_bytes(folder / "empty.safetensors", "");
  CHECK_THROWS_WITH(SafetensorsSource(folder / "empty.safetensors"), Contains("the file has 0 bytes"));
}

TEST_CASE("safetensors: nothing is visible before finish and nothing is left without it", "[core][tensor]") {
  const TemporaryFolder folder;
  {
    SafetensorsSink sink(folder / "x.safetensors");
    sink.announce({{"a", torch::kFloat32, {2}}, {"b", torch::kFloat32, {2}}});
    sink.put("a", torch::ones({2}));
    CHECK_FALSE(std::filesystem::exists(folder / "x.safetensors"));
    CHECK(files_in(folder.path()) == 1);
    CHECK_THROWS_WITH(sink.finish(), (folder / "x.safetensors").string() + ": 1 of 2 announced tensors were never put: 'b'");
    CHECK_THROWS_WITH(sink.put("b", torch::ones({3})), Contains("tensor 'b' has shape [3], announced as [2]"));
  }
  CHECK(files_in(folder.path()) == 0);
}

TEST_CASE("safetensors: writing replaces an existing file, of which a reader keeps the old content", "[core][tensor]") {
  const TemporaryFolder folder;
  write_file(folder / "x.safetensors", {{"a", torch::zeros({2})}});
  const SafetensorsSource old(folder / "x.safetensors");
  write_file(folder / "x.safetensors", {{"a", torch::ones({2})}});
  CHECK(old.get("a").sum().item<float>() == 0);
  CHECK(SafetensorsSource(folder / "x.safetensors").get("a").sum().item<float>() == 2);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("safetensors: a folder that cannot be written is named", "[core][tensor]") {
  const TemporaryFolder folder;
  SafetensorsSink sink(folder / "absent/x.safetensors");
  CHECK_THROWS_WITH(sink.announce({{"a", torch::kFloat32, {1}}}), Contains("absent/x.safetensors: cannot be created: No such file or directory"));
}

namespace {

/// Flips, overwrites, inserts, removes and truncates bytes of a valid file, mostly in its header.
std::string damaged(std::string bytes, std::uint64_t seed) {
  const std::string tokens = "0123456789-[]{}\",:.eFIU \\\xff";
  Random random(seed, "damage");
  for (std::uint64_t change = random.below(3) + 1; change > 0 && !bytes.empty(); --change) {
    const auto position = static_cast<std::size_t>(random.below(bytes.size()));
    switch (random.below(6)) {
      case 0: bytes[position] = static_cast<char>(bytes[position] ^ static_cast<char>(1u << random.below(8))); break;
      case 1: bytes[position] = tokens[random.below(tokens.size())]; break;
      case 2: bytes.insert(position, 1, tokens[random.below(tokens.size())]); break;
      case 3: bytes.erase(position, random.below(9)); break;
      case 4: bytes.resize(position); break;
      default: bytes[random.below(std::min<std::size_t>(8, bytes.size()))] = static_cast<char>(random.below(256)); break;
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("safetensors: a damaged header is refused or read, never worse", "[core][tensor]") {
  const std::string golden = golden_file();
  constexpr int kFiles = 3000;
  int refused = 0;
  for (std::uint64_t seed = 0; seed < kFiles; ++seed) {
    CAPTURE(seed);
    const std::string bytes = damaged(golden, seed);
    try {
      const SafetensorsHeader header = parse_safetensors_header(bytes, "damaged");
      for (const SafetensorsEntry& entry : header.entries) REQUIRE(header.data_start + entry.end <= bytes.size());
    } catch (const DataError&) {
      ++refused;
    }
  }
  // Neither outcome is rare, or the damage would not test anything.
  CHECK(refused > kFiles / 3);
  CHECK(refused < kFiles);
}

TEST_CASE("safetensors: a damaged file yields tensors of its header's shapes or an error", "[core][tensor]") {
  const TemporaryFolder folder;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    write_bytes(folder / "x.safetensors", damaged(golden_file(), seed));
    try {
      const SafetensorsSource source(folder / "x.safetensors");
      for (const TensorInfo& info : source.infos()) CHECK(source.get(info.name).clone().sizes() == torch::IntArrayRef(info.shape));
    } catch (const DataError& error) {
      CHECK_THAT(error.what(), Contains("x.safetensors: "));
    }
  }
}
