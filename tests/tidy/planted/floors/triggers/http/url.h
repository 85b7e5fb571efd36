#pragma once
#include "runtime/control/api.h"
#include "runtime/router/event_sink.h"
#include "runtime/router/router.h"
#include "triggers/queue/poller.h"
