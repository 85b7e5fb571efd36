// A handler that must not compile. expected: the event must be json, std::string
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

static void H(int*, Context&) {}

HEARTH_HANDLER(H);
