#include "local.h"
void Fails() { throw 1; }
