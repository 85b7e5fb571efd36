#pragma once
#include "runtime/daemon/options.h"
