#include <string>

#include "runtime/base/noun.h"
