// Clones of a hot function for each instruction set, chosen when the program is loaded: the build need not know the machine.
#pragma once

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SYMPHONY_CLONES __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define SYMPHONY_CLONES
#endif
