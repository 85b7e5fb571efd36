hearth_unit_test(unit_pool
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/runtime/pool/scaling_test.cc ${CMAKE_CURRENT_LIST_DIR}/runtime/pool/warm_pool_test.cc
  DEPS hearth_pool)
