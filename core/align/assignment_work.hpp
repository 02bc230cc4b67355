// What solving an assignment problem took, counted instead of timed: the same on every machine and under any load.
#pragma once

#include <cstdint>

namespace symphony {

struct AssignmentWork {
  std::int64_t rows_read = 0;      ///< passes over a row of the matrix, where the time goes; those of checks and certificate, the same for all, left out
  std::int64_t bids = 0;           ///< of the auction
  std::int64_t augmentations = 0;  ///< shortest augmenting paths

  AssignmentWork& operator+=(const AssignmentWork& other) {
    rows_read += other.rows_read, bids += other.bids, augmentations += other.augmentations;
    return *this;
  }
};

}  // namespace symphony
