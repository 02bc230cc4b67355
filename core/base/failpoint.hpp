// Places where a test may have this process die, so that "survives a kill at any moment" is tested at the moments that matter: every fsync, every
// rename, the inside of an optimiser step. Nothing happens unless the environment asks for it:
//
//   SYMPHONY_FAILPOINT="KILL fsync rename optimiser_step=17"    signal (ABRT, KILL, SEGV, STOP, TERM), then places, or places with their detail
//   SYMPHONY_FAILPOINT_LEDGER=/tmp/ledger                       every place strikes once: it is noted there first, as "place detail"
//
// The ledger names files by what they are, not by key or process: a 32-digit hash is written as '*', any other number as '#'.
#pragma once

#include <string_view>

namespace symphony {

/// Strikes when the environment names `place` (or `place=detail`) and the ledger does not hold the pair yet.
void failpoint(std::string_view place, std::string_view detail);

}  // namespace symphony
