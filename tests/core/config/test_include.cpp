// Included files: order of merging, places, circles.
#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/config/include.hpp"
#include "tests/core/base/scratch_directory.hpp"

using namespace symphony;
using Catch::Matchers::Contains;

TEST_CASE("include: later files win over earlier, the including over all", "[core][config]") {
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch / "parts");
  atomic_write(scratch / "parts" / "a.yaml", "include: deeper.yaml\nm: {x: 1, y: 1, z: 1}\nfrom_a: 1\n");
  atomic_write(scratch / "parts" / "deeper.yaml", "m: {x: 0, w: 0}\n");
  atomic_write(scratch / "b.yaml", "m: {y: 2, z: 2}\n");
  atomic_write(scratch / "main.yaml", "include: [parts/a.yaml, b.yaml]\nm: {z: 3}\n");
  const LoadedDocument loaded = load_document(scratch / "main.yaml");
  CHECK(to_json(loaded.root.value()) == R"({"m":{"x":1,"w":0,"y":2,"z":3},"from_a":1})");
  CHECK(loaded.files.size() == 4);
  CHECK(loaded.root.find("from_a")->value.mark.text() == (scratch / "parts" / "a.yaml").string() + ":3:9");
}

TEST_CASE("include: a file may be included twice, a circle is printed", "[core][config]") {
  const ScratchDirectory scratch;
  atomic_write(scratch / "leaf.yaml", "x: 1\n");
  atomic_write(scratch / "left.yaml", "include: leaf.yaml\n");
  atomic_write(scratch / "main.yaml", "include: [left.yaml, ./leaf.yaml]\n");
  CHECK(to_json(load_document(scratch / "main.yaml").root.value()) == R"({"x":1})");
  atomic_write(scratch / "leaf.yaml", "x: 1\ninclude: [main.yaml]\n");
  const std::string folder = scratch.path().string() + "/";
  CHECK_THROWS_WITH(load_document(scratch / "main.yaml"),
                    Contains("leaf.yaml:2:11: include: a circle, " + folder + "main.yaml -> " + folder + "left.yaml -> " + folder + "leaf.yaml -> " +
                             folder + "main.yaml"));
}

TEST_CASE("include: what cannot be included is told at the include", "[core][config]") {
  const ScratchDirectory scratch;
  const auto refusal = [&](const std::string& text) -> std::string {
    atomic_write(scratch / "main.yaml", text);
    try {
      load_document(scratch / "main.yaml");
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK_THAT(refusal("a: 1\ninclude: [none.yaml]\n"), Contains("main.yaml:2:11: include: the file 'none.yaml' does not exist, sought as"));
  CHECK_THAT(refusal("include: {a: 1}\n"), Contains("include: got a map, expected a file's name"));
  CHECK_THAT(refusal("include: [3]\n"), Contains("include: got the number 3"));
  CHECK_THAT(refusal("- 1\n"), Contains("the file holds a list of 1, expected a map"));
  atomic_write(scratch / "bad.yaml", "a: [\n");
  CHECK_THAT(refusal("include: bad.yaml\n"), Contains("bad.yaml:") && Contains("not valid YAML"));
  // Each level includes the next twice: 2^20 files if nothing stopped it.
  for (int level = 0; level < 20; ++level)
    atomic_write(scratch / fmt::format("d{}.yaml", level), fmt::format("include: [d{}.yaml, d{}.yaml]\n", level + 1, level + 1));
  atomic_write(scratch / "d20.yaml", "x: 1\n");
  CHECK_THAT(refusal("include: d0.yaml\n"), Contains("more than 200 files"));
}
