// Transforms on disk.
#include "core/pipeline/transform_file.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "core/base/error.hpp"
#include "core/model/symmetry.hpp"
#include "core/tensor/safetensors.hpp"
#include "tests/support/random_transforms.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_model.hpp"

using namespace symphony;
using namespace symphony::testing;

TEST_CASE("transform file: every kind comes back as it was", "[core][pipeline]") {
  const ModelSpec spec = tiny_spec();
  TransformSet all = random_transforms(symmetry_groups(spec), {"ffn", "attention_heads", "gauge", "gains"}, true, 1);
  all.insert_or_assign("residual", random_rotation(spec.hidden_size, 2));
  all.insert_or_assign("layer.1.ffn", Transform::mixing(torch::eye(spec.ffn_size).roll(1, 0)));
  const TemporaryFolder folder;
  const auto path = folder.path() / "transforms.safetensors";
  write_transforms(path, {true, {all, {}, {{"residual", Transform::identity(4)}}}});
  const StoredTransforms again = read_transforms(path);
  CHECK(again.unties);
  REQUIRE(again.sets.size() == 3);
  REQUIRE(again.sets[0].size() == all.size());
  CHECK(again.sets[1].empty());
  CHECK(again.sets[2].at("residual").is_identity());
  for (const auto& [group, transform] : all) {
    CAPTURE(group);
    CHECK(again.sets[0].at(group).kind() == transform.kind());
    CHECK(torch::equal(again.sets[0].at(group).dense(), transform.dense()));
  }
  write_transforms(path, {false, {}});
  CHECK_FALSE(read_transforms(path).unties);
  CHECK(read_transforms(path).sets.empty());
}

TEST_CASE("transform file: other files are refused", "[core][pipeline]") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "transforms.safetensors";
  const auto written = [&](SafetensorsMetadata metadata, const std::string& name) {
    SafetensorsSink sink(path, std::move(metadata));
    copy_tensors(MemorySource({{name, torch::arange(2)}}, "test"), sink);
    return path;
  };
  CHECK_THROWS_WITH(read_transforms(written({}, "x")), Catch::Contains("its metadata has no 'unties', expected a file of transforms"));
  CHECK_THROWS_WITH(read_transforms(written({{"unties", "true"}, {"sources", "two"}}, "x")), Catch::Contains("got 'two' where a number of sources is expected"));
  CHECK_THROWS_WITH(read_transforms(written({{"unties", "true"}, {"sources", "2"}}, "0/x")), Catch::Contains("tensor '0/x' is no part of a transform"));
  CHECK_THROWS_WITH(read_transforms(written({{"unties", "true"}, {"sources", "2"}}, "2/residual/perm")), Catch::Contains("tensor '2/residual/perm' is of source 2, there are 2"));
  CHECK_THROWS_AS(read_transforms(written({{"unties", "true"}, {"sources", "2"}}, "0/residual/turn")), DataError);
}
