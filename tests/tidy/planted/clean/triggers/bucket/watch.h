#pragma once
#include <sys/inotify.h>

#include "runtime/router/event_sink.h"
