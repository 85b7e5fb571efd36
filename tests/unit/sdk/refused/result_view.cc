// A handler that must not compile. expected: return std::string, not std::string_view
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

static std::string_view H() { return {}; }

HEARTH_HANDLER(H);
