// A handler that must not compile. expected: take the Context by reference
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

static void H(Context) {}

HEARTH_HANDLER(H);
