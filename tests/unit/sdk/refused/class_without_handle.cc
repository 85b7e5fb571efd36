// A handler that must not compile. expected: needs exactly one operator
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

class H {};

HEARTH_HANDLER(H);
