// Axes of a sweep: settings that vary together or against each other. Within one part of a sweep the shapes multiply:
//
//   grid:   { router.k: [1, 2, 3], experts.count: [2, 4] }    every combination, the last key fastest
//   zip:    { training.steps: [100, 200], router.balance: [0.1, 0.01] }   equally long lists, one step at a time
//   list:   [ { router: switch }, { router.k: 2, router.init: ridge } ]   points written out
//   random: { samples: 20, seed: 1, space: { router.balance: { log_uniform: [1e-4, 1] } } }
//           choice: [a, b, c], uniform: [low, high], log_uniform: [low, high], integer: [low, high]
//   exclude: [ { router.k: 3, experts.count: 2 } ]            drops the points at which all of this holds
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/bind.hpp"
#include "core/config/node.hpp"

namespace symphony {

/// A setting and its value at one point, with the places where they were written.
struct AxisSetting {
  std::string path;      ///< "router.k"
  Mark path_mark;
  Node value;
};

/// One point of the axes: what is set there, in the order of the axes. Paths are distinct, and none is a part of another.
using AxisPoint = std::vector<AxisSetting>;

/// The keys of a sweep or block that `read_axes` understands.
const std::vector<std::string>& axis_keys();

/// The points that `section` spans; one that sets nothing when it has no axes. `root_seed` is the seed of random samples that give none.
/// Everything that is wrong goes to `mistakes`, with `path` before the keys: shapes of another form, lists of unequal length in a zip, a setting
/// that two axes vary, points that are excluded but do not exist.
std::vector<AxisPoint> read_axes(const Node& section, std::uint64_t root_seed, const std::vector<std::string>& path, Mistakes& mistakes);

/// "k=2,balance=0.01": the last part of each path, or the whole where two paths end alike.
std::string point_label(const AxisPoint& point);

}  // namespace symphony
