#pragma once

// Everything that the author of a function needs: one include.

#include <hearth/abi.h>
#include <hearth/context.h>
#include <hearth/error.h>
#include <hearth/handler.h>
#include <hearth/http_event.h>
#include <hearth/input_object.h>
#include <hearth/output_file.h>
#include <hearth/s3_event.h>
#include <hearth/scheduled_event.h>
#include <hearth/sns_event.h>
#include <hearth/sqs_event.h>
