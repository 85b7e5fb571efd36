// A handler that must not compile. expected: the result must be void, json, std::string
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

struct Odd {};
static Odd H() { return {}; }

HEARTH_HANDLER(H);
