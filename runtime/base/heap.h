#pragma once

namespace hearth {

// Sets malloc for a server whose requests have bodies: these come from the heap and go back to it. As malloc is set by
// itself, one of 128 KiB and more is mapped, or the heap's end given back to the kernel, once or twice a request: 64
// pages of 256 KiB that the kernel clears each time. For main(), before there is a second thread.
// Limits: of 1 MiB and more it is mapped still; up to 8 MiB of free memory at the heap's end are kept.
void KeepHeapForBodies();

}  // namespace hearth
