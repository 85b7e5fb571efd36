#pragma once
#include "runtime/loop/timer.h"
