hearth_unit_test(unit_router
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/router/router_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/committed_capacity_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/concurrency_limits_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/async_events_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/async_ends_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/alias_routing_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/destination_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/destination_document_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/disk_guard_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/alias_watch_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/init_back_off_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/event_fate_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/function_calls_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/invocation_book_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/worker_lending_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/taken_back_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/snapshot_bill_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/simulation.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/router/simulation_checks.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/router/simulation_test.cc
  DEPS hearth_router)
