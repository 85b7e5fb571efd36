// A handler that must not compile. expected: the parameters must be .event, Context&
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

static void H(const json&, Context&, int) {}

HEARTH_HANDLER(H);
