#pragma once
#include <uv.h>

#include "runtime/base/noun.h"
inline std::thread kThread;
