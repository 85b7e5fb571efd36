// A handler that must not compile. expected: is constructed from nothing or from InitContext
#include <hearth/hearth.h>
using hearth::Context, hearth::json;

struct H {
  explicit H(int) {}
  void Handle() {}
};

HEARTH_HANDLER(H);
