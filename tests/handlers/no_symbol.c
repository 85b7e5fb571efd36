/* A library that loads and is no handler: it exports nothing that a worker asks for. */
#include <hearth/abi.h>

HEARTH_EXPORT int something_else(void) { return 42; }
