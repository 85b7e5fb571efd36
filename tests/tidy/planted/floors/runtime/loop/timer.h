#pragma once
#include <hearth/abi.h>

#include "runtime/base/clock.h"
