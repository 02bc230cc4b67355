// Checkpoints in several files.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/tensor/safetensors.hpp"
#include "core/tensor/safetensors_shards.hpp"
#include "tests/core/tensor/safetensors_bytes.hpp"

using namespace symphony;
using namespace symphony::testing;

namespace {

constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

void write_shard(const std::filesystem::path& path, const TensorMap& tensors) {
  SafetensorsSink sink(path);
  copy_tensors(MemorySource(tensors, "memory"), sink);
}

/// A folder of two shards, {a, b} and {c}, with the given text as the index's weight_map.
class Shards {
 public:
  explicit Shards(const std::string& weight_map) {
    write_shard(folder_ / kFirst, {{"a", torch::full({1}, 1.0f)}, {"b", torch::full({1}, 2.0f)}});
    write_shard(folder_ / kSecond, {{"c", torch::full({1}, 3.0f)}});
    write_index(R"({"metadata":{"total_size":12},"weight_map":)" + weight_map + "}");
  }
  void write_index(const std::string& text) const { write_bytes(folder_ / "model.safetensors.index.json", text); }
  const TemporaryFolder& folder() const { return folder_; }
  SafetensorsSource open() const { return SafetensorsSource(folder_.path()); }
  /// `message` must be what follows the path of the index.
  void check_refused(const std::string& message) const {
    CHECK_THROWS_WITH(open(), (folder_ / "model.safetensors.index.json").string() + ": " + message);
    CHECK_THROWS_AS(open(), DataError);
  }

 private:
  TemporaryFolder folder_;
};

std::string map_of(const std::string& a, const std::string& b, const std::string& c) {
  return R"({"a":")" + a + R"(","b":")" + b + R"(","c":")" + c + R"("})";
}

}  // namespace

TEST_CASE("safetensors: shards read as one source", "[core][tensor]") {
  const Shards shards(map_of(kFirst, kFirst, kSecond));
  const SafetensorsSource source = shards.open();
  CHECK(source.names() == std::vector<std::string>{"a", "b", "c"});
  CHECK(source.get("a").item<float>() == 1);
  CHECK(source.get("b").item<float>() == 2);
  CHECK(source.get("c").item<float>() == 3);
}

TEST_CASE("safetensors: a whole file is preferred to an index", "[core][tensor]") {
  const Shards shards(map_of(kFirst, kFirst, kSecond));
  write_shard(shards.folder() / "model.safetensors", {{"whole", torch::ones({1})}});
  CHECK(shards.open().names() == std::vector<std::string>{"whole"});
}

TEST_CASE("safetensors: an index that names a missing shard is refused", "[core][tensor]") {
  const Shards shards(map_of(kFirst, kFirst, "model-00003-of-00002.safetensors"));
  shards.check_refused("names the shard 'model-00003-of-00002.safetensors', which does not exist");
}

TEST_CASE("safetensors: a tensor in two shards is refused", "[core][tensor]") {
  const Shards shards(map_of(kFirst, kFirst, kSecond));
  write_shard(shards.folder() / kSecond, {{"b", torch::ones({1})}, {"c", torch::ones({1})}});
  shards.check_refused("tensor 'b' is in two shards, 'model-00001-of-00002.safetensors' and 'model-00002-of-00002.safetensors'");
}

TEST_CASE("safetensors: index and shards must list the same tensors", "[core][tensor]") {
  Shards(R"({"a":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"})")
      .check_refused("does not list tensor 'b' of shard 'model-00001-of-00002.safetensors'");
  Shards(map_of(kFirst, kSecond, kSecond))
      .check_refused("lists tensor 'b' in 'model-00002-of-00002.safetensors', but 'model-00001-of-00002.safetensors' holds it");
  Shards(R"({"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","d":"model-00001-of-00002.safetensors"})")
      .check_refused("lists tensor 'd' in 'model-00001-of-00002.safetensors', which does not hold it");
}

TEST_CASE("safetensors: shard names that leave the folder are refused", "[core][tensor]") {
  for (const std::string name : {"../outside.safetensors", "/etc/passwd", "sub/x.safetensors", "..", ".", "", "sub/"}) {
    CAPTURE(name);
    Shards(map_of(kFirst, name, kSecond)).check_refused("tensor 'b' is in '" + name + "', expected the name of a file in the same folder");
  }
}

TEST_CASE("safetensors: an index of another form is refused", "[core][tensor]") {
  const Shards shards("{}");
  shards.write_index(R"({"weights":{}})");
  shards.check_refused("has no weight_map, expected a map of tensors to files");
  shards.write_index("[]");
  shards.check_refused("has no weight_map, expected a map of tensors to files");
  shards.write_index(R"({"weight_map":{"a":3}})");
  shards.check_refused("tensor 'a' is in the number 3, expected a file name");
  shards.write_index(R"({"weight_map":{"a":"x","a":"y"}})");
  CHECK_THROWS_WITH(shards.open(), Catch::Matchers::Contains("duplicate key 'a'"));
  shards.write_index("{");
  CHECK_THROWS_AS(shards.open(), DataError);
}

TEST_CASE("safetensors: writing says how many bytes are done, and stops where it is told to", "[core][tensor]") {
  const MemorySource source({{"a", torch::ones({10})}, {"b", torch::ones({5}, torch::kBFloat16)}, {"c", torch::ones({2, 3})}}, "memory");
  for (const std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{50}}) {
    CAPTURE(limit);
    const TemporaryFolder folder;
    std::vector<std::uint64_t> done;
    write_safetensors(folder.path(), source, {}, limit, [&](std::uint64_t bytes, std::uint64_t total) {
      CHECK(total == 74);
      done.push_back(bytes);
    });
    CHECK(done == std::vector<std::uint64_t>{40, 50, 74});
  }
  const TemporaryFolder folder;
  CHECK_THROWS_AS(write_safetensors(folder.path(), source, {}, 0, [](std::uint64_t, std::uint64_t) { throw DataError("enough"); }), DataError);
  CHECK(std::filesystem::is_empty(folder.path()));
}
