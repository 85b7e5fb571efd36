# A program of its own: it counts what operator new is asked for.
hearth_unit_test(unit_allocations
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/allocations_test.cc ${CMAKE_CURRENT_LIST_DIR}/allocation_count.cc
  DEPS hearth_trigger_http hearth_router hearth_telemetry)
