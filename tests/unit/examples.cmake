# The examples' own tests, through <hearth/testing.h>; instrumented, unlike the libraries that they are made into.
if(HEARTH_BUILD_EXAMPLES)
  set(examples ${PROJECT_SOURCE_DIR}/examples)
  foreach(example hello_http queue_orders contact_sheet)
    hearth_unit_test(unit_example_${example} SOURCES ${examples}/${example}/${example}.cc
                     ${examples}/${example}/${example}_test.cc DEPS Hearth::sdk)
  endforeach()
  hearth_unit_test(unit_example_hello_c SOURCES ${examples}/hello_c/hello_c.c ${examples}/hello_c/hello_c_test.cc
                   DEPS Hearth::sdk)
  pkg_check_modules(vips REQUIRED IMPORTED_TARGET vips-cpp)
  hearth_unit_test(unit_example_image_resize SOURCES ${examples}/image_resize/image_resize.cc
                   ${examples}/image_resize/thumbnail.cc ${examples}/image_resize/image_resize_test.cc
                   DEPS Hearth::sdk PkgConfig::vips)
endif()
