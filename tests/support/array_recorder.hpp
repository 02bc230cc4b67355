// Keeps the arrays and notes that are recorded, by name.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "core/base/record.hpp"

namespace symphony::testing {

class ArrayRecorder final : public Recorder {
 public:
  void array(const RecordInfo& info, std::span<const RecordAxis> axes, std::span<const float> values) override {
    std::size_t size = 1;
    for (const RecordAxis& axis : axes) size *= axis.size;
    REQUIRE(size == values.size());
    arrays[info.name].assign(values.begin(), values.end());
  }
  void scalar(const RecordInfo&, double) override {}
  void note(std::string_view name, std::string_view text) override { notes.emplace(name, text); }
  std::map<std::string, std::vector<float>> arrays;
  std::map<std::string, std::string> notes;
};

}  // namespace symphony::testing
