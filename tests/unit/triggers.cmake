hearth_unit_test(unit_trigger_queue
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/concurrency_window_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/filter_criteria_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/filter_pattern_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/queue_batch_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/queue_event_json_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/queue_fifo_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/queue_filter_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/queue_sharing_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/queue_window_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/queue/queue_trigger_test.cc
  DEPS hearth_trigger_queue hearth_sdk)
hearth_unit_test(unit_trigger_bucket
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/bucket_events_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/bucket_hops_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/bucket_settings_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/bucket_trigger_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/bucket_watch_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/content_hasher_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/object_dispatcher_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/object_files_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/object_opener_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/receipt_book_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/s3_event_json_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/sequencer_test.cc
          ${CMAKE_CURRENT_LIST_DIR}/triggers/bucket/watch_rules_test.cc
  DEPS hearth_trigger_bucket hearth_sdk)
