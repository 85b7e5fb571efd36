#pragma once

namespace hearth {

// A worker's last words, or those of a zygote whose library is being loaded: which signal, at which address, from where.
// Told over its channel (kWorkerChannel, to hearthd or to init) from a stack of its own, so that an overflow of the stack can be told too, by this process itself: it is confined, and what it
// says about its own end is believed as little as anything else it says. No trusted process opens a library
// to find names in it.
//
// First the bare facts, then again with names. All of it is done without malloc and without a lock of the
// loader's but for C++ names in a form to read, which come last; a time limit ends whatever hangs there.
// Author's handlers, installed later, come instead. 0, or -1 with errno.
int InstallCrashHandler();
// Again, on the stack that is there: in a process that has set all signals back since.
int RearmCrashHandler();

// What ends a process that a fault did not end at once, with the signal added: as a shell tells it.
inline constexpr int kExitOfSignals = 128;

}  // namespace hearth
