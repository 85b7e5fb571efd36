#include <cstdio>

#include <hearth/hearth.h>
#include <hearth/testing.h>

extern "C" const struct hearth_function* hearth_function(void);

// The handler linked in, the same as a library, and one in C under another symbol.
int main(int, char** arguments) {
  using hearth::testing::LoadLibrary;
  using hearth::testing::Runner;
  const bool linked = Runner(hearth_function()).Invoke("tea").response == "TEA";
  const bool loaded = Runner(LoadLibrary(arguments[1])).Invoke("tea").response == "TEA";
  const bool plain = Runner(LoadLibrary(arguments[2], "plain_entry")).Invoke("tea").response == "tea";
  std::printf("linked %d loaded %d plain %d\n", linked, loaded, plain);
  return linked && loaded && plain ? 0 : 1;
}
