#include "sandbox/layers.h"

// Linked instead of sandbox/layers.cc into a launcher and a worker that are never installed. Which layers are
// off stands in the executable itself: a test copies it and writes a '1' behind the marker, at the layer's
// number. Nothing that is installed has the marker, or asks anything like it (test_attacks.py says so).

namespace hearth {
namespace {

constexpr unsigned kMarkerSize = 24;
volatile char marked[] =
    "hearth weakened layers: "
    "00000000000000000000000000000000";

}  // namespace

bool IsOn(Layer layer) { return marked[kMarkerSize + static_cast<unsigned>(layer)] == '0'; }

}  // namespace hearth
