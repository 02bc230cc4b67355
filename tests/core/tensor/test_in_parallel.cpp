// Items on LibTorch's threads.
#include <catch2/catch.hpp>

#include <stdexcept>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>

#include "core/tensor/in_parallel.hpp"

using namespace symphony;

namespace {

/// As many of LibTorch's threads as asked for, for as long as this lives.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }

 private:
  int before_;
};

}  // namespace

TEST_CASE("in_parallel: every item is done once, on as many threads as there are", "[core][tensor]") {
  for (const int count : {1, 2}) {
    CAPTURE(count);
    const Threads threads(count);
    std::vector<int> times(7, 0);
    std::vector<std::thread::id> by(7);
    in_parallel(times.size(), [&](std::size_t item) {
      ++times[item];
      by[item] = std::this_thread::get_id();
    });
    CHECK(times == std::vector<int>(7, 1));
    CHECK((by.front() == by.back()) == (count == 1));
  }
  in_parallel(0, [](std::size_t) { FAIL("there is no item"); });
}

TEST_CASE("in_parallel: no more items are under way than allowed", "[core][tensor]") {
  const Threads threads(2);
  std::vector<std::thread::id> by(5);
  const auto note = [&](std::size_t item) { by[item] = std::this_thread::get_id(); };
  in_parallel(by.size(), note, 1);
  CHECK(by == std::vector<std::thread::id>(5, std::this_thread::get_id()));
  in_parallel(by.size(), note, 2);
  CHECK(by.front() != by.back());
}

TEST_CASE("in_parallel: what an item throws is thrown to the caller", "[core][tensor]") {
  const Threads threads(2);
  const auto run = [] {
    in_parallel(4, [](std::size_t item) {
      if (item == 3) throw std::runtime_error("item 3");
    });
  };
  CHECK_THROWS_WITH(run(), "item 3");
}
