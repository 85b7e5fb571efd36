// A handler that must not compile. expected: take the event by value or by const reference
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

static void H(json&, Context&) {}

HEARTH_HANDLER(H);
