hearth_unit_test(unit_wire
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/wire/packet_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/wire/body_window_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/wire/event_lane_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/wire/worker_frames_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/runtime/wire/launcher_frames_test.cc
  DEPS hearth_wire)
