set(pool_tests ${CMAKE_CURRENT_LIST_DIR}/runtime/pool)
hearth_unit_test(unit_pool
  SOURCES ${pool_tests}/cpu_hosts_test.cc ${pool_tests}/cpu_placement_test.cc ${pool_tests}/idle_freezer_test.cc ${pool_tests}/memory_budget_test.cc ${pool_tests}/output_capture_test.cc ${pool_tests}/worker_output_test.cc ${pool_tests}/phase_clock_test.cc ${pool_tests}/pool_set_test.cc
          ${pool_tests}/scaling_test.cc ${pool_tests}/snapshot_run_test.cc ${pool_tests}/start_heat_test.cc ${pool_tests}/turn_limit_test.cc ${pool_tests}/warm_pool_test.cc ${pool_tests}/warm_pool_ahead_test.cc ${pool_tests}/warm_pool_prefetch_test.cc ${pool_tests}/warm_pool_hand_back_test.cc ${pool_tests}/worker_kit_test.cc ${pool_tests}/prefetch_test.cc ${pool_tests}/worker_ahead_test.cc ${pool_tests}/warm_pool_warm_up_test.cc ${pool_tests}/worker_forgery_test.cc
          ${pool_tests}/worker_calls_test.cc ${pool_tests}/worker_stream_test.cc ${pool_tests}/worker_usage_test.cc ${pool_tests}/worker_window_test.cc ${pool_tests}/worker_lane_test.cc ${pool_tests}/worker_lane_trust_test.cc ${pool_tests}/busy_lanes_test.cc
          ${pool_tests}/worker_process_freezing_test.cc
          ${pool_tests}/worker_process_test.cc ${pool_tests}/worker_crash_report_test.cc ${pool_tests}/worker_death_test.cc ${pool_tests}/mount_warning_test.cc ${pool_tests}/blank_keeper_test.cc
  DEPS hearth_pool)
