#pragma once
#include "../wire/packet.h"
#include "clock.h"
#include "tests/unit/runtime/base/clock.h"
