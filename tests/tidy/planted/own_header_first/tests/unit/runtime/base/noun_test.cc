#include "runtime/base/noun.h"
