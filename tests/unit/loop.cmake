hearth_unit_test(unit_loop
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/loop_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/manual_executor_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/watch_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/deadline_timer_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/loop_thread_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/outbox_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/stream_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/run_queue_wait_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/turn_end_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/listener_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/loop/work_thread_test.cc
  DEPS hearth_loop)
