// What alignment methods share: the way around the star, and the note on a common ancestor.
#include <cmath>

#include <catch2/catch.hpp>

#include "core/plugin/alignment_scopes.hpp"
#include "tests/core/plugin/no_statistics.hpp"

using namespace symphony;
using symphony::testing::NoStatistics;

namespace {

/// Writes down what it is told, in order.
class Writes final : public Recorder {
 public:
  void array(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const float> values) override {
    told.push_back("array " + info.name);
    labels = axes.front().labels;
    last.assign(values.begin(), values.end());
  }
  void scalar(const RecordInfo& info, double) override { told.push_back("scalar " + info.name); }
  void note(std::string_view name, std::string_view) override { told.push_back(fmt::format("note {}", name)); }
  std::vector<std::string> told, labels;
  std::vector<float> last;
};

SymmetryGroup group(const char* id, bool permutes) {
  SymmetryGroup made;
  made.id = id;
  made.freedom.permutations = permutes;
  return made;
}

/// Three sources without tensors, the second being the anchor.
struct Star {
  std::vector<Model> sources{Model{{}, nullptr, "a"}, Model{{}, nullptr, "b"}, Model{{}, nullptr, "c"}};
  std::vector<SymmetryGroup> groups{group("layer.0.ffn", true), group("layer.0.vo", false), group("residual", true)};
  NoStatistics statistics;
  AlignmentProblem problem{sources, 1, groups, statistics};
  Writes writes;
};

}  // namespace

TEST_CASE("align_sources: every source but the anchor in order, then the log", "[core][plugin]") {
  Star star;
  Context context;
  context.recorder = &star.writes;
  context.progress = [&](double share) { star.writes.told.push_back(fmt::format("{:.2f}", share)); };
  AlignmentLog log(star.problem);
  const auto sets = align_sources(star.problem, context, log, [&](std::size_t source_idx) {
    star.writes.told.push_back(fmt::format("align {}", source_idx));
    log.add_value("residual", source_idx, 0, "value", "1", "ten times the source's index", 10.0 * static_cast<double>(source_idx));
    return TransformSet{{"mark", Transform::identity(static_cast<std::int64_t>(source_idx) + 1)}};
  });
  REQUIRE(sets.size() == 3);
  CHECK(sets[0].at("mark").size() == 1);
  CHECK(sets[1].empty());
  CHECK(sets[2].at("mark").size() == 3);
  CHECK(star.writes.told == std::vector<std::string>{"align 0", "0.33", "0.67", "align 2", "1.00", "array alignment/residual/value"});
  CHECK(star.writes.labels == std::vector<std::string>{"a", "b", "c"});
  CHECK(star.writes.last[0] == 0);
  CHECK(std::isnan(star.writes.last[1]));
  CHECK(star.writes.last[2] == 20);
}

TEST_CASE("note_common_ancestry: said when there are units and none of any source moves", "[core][plugin]") {
  const auto notes = [](const std::vector<TransformSet>& sets) {
    Star star;
    note_common_ancestry(star.problem, sets, star.writes);
    return star.writes.told.size();
  };
  const TransformSet still{{"layer.0.ffn", Transform::identity(2)}}, moved{{"layer.0.ffn", Transform::monomial({1, 0})}};
  CHECK(notes({still, {}, still}) == 1);
  CHECK(notes({still, moved, still}) == 1);  // the anchor's own set counts for nothing
  CHECK(notes({still, {}, moved}) == 0);
  CHECK(notes({{}, {}, {}}) == 0);
  const torch::Tensor half_turn = -torch::eye(2, torch::kFloat64);
  const TransformSet gains{{"layer.0.vo", Transform::diagonal(torch::tensor({2.0, 3.0}))}}, gauge{{"layer.0.vo", Transform::blocks(half_turn.unsqueeze(0))}};
  CHECK(notes({gains, {}, gains}) == 0);  // sources that are only scaled may share nothing
  TransformSet turned = still;
  turned.insert(gauge.begin(), gauge.end());
  turned.emplace("residual", Transform::orthogonal(half_turn));
  CHECK(notes({turned, {}, turned}) == 1);  // a gauge or a rotation moves no unit
}
