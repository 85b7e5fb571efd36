#include "runtime/worker/zygote.h"

// hearth-worker: started by init of a sandbox with its channel as descriptor 3, no environment and no rights.
int main() { hearth::RunZygote(3); }
