include_guard(GLOBAL)

# hearth_add_function(NAME
#   SOURCES file...          C or C++ sources of the handler
#   [HANDLER handler]        default lib<NAME>.so; "lib<NAME>.so:symbol" where the exported function has another name
#   [MEMORY mib]             default 128
#   [TIMEOUT seconds]        default 3
#   [LIBRARIES lib...])      what else to link; linked into the library where they are static
#
# Builds lib<NAME>.so, a handler library with nothing visible but its entry and nothing left undefined, and writes
# <NAME>.function.json beside it, which `hearth deploy` reads:
#   {"name": "...", "library": "lib<NAME>.so", "handler": "...", "memory_mib": 128, "timeout_s": 3}
function(hearth_add_function name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "HANDLER;MEMORY;TIMEOUT" "SOURCES;LIBRARIES")
  if(ARG_UNPARSED_ARGUMENTS OR ARG_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "hearth_add_function(${name}): cannot read \"${ARG_UNPARSED_ARGUMENTS}${ARG_KEYWORDS_MISSING_VALUES}\"; "
                        "known are SOURCES, HANDLER, MEMORY, TIMEOUT, LIBRARIES, each with a value")
  endif()
  if(NOT ARG_SOURCES)
    message(FATAL_ERROR "hearth_add_function(${name}): SOURCES is missing")
  endif()
  _hearth_default(ARG_HANDLER "lib${name}.so")
  _hearth_default(ARG_MEMORY 128)
  _hearth_default(ARG_TIMEOUT 3)
  _hearth_check_range(${name} MEMORY "${ARG_MEMORY}" 128 10240)
  _hearth_check_range(${name} TIMEOUT "${ARG_TIMEOUT}" 1 900)

  add_library(${name} MODULE ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "lib" SUFFIX ".so" POSITION_INDEPENDENT_CODE ON
                                           C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
                                           VISIBILITY_INLINES_HIDDEN ON)
  # What is missing is found when the function is built, not when it is first called; what a static library brings along
  # stays inside.
  target_link_options(${name} PRIVATE LINKER:-z,defs LINKER:-z,now LINKER:--exclude-libs,ALL)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if("CXX" IN_LIST languages)
    target_link_libraries(${name} PRIVATE Hearth::sdk)
  else()
    target_link_libraries(${name} PRIVATE Hearth::abi)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})

  file(GENERATE OUTPUT "$<TARGET_FILE_DIR:${name}>/${name}.function.json" CONTENT
"{
  \"name\": \"${name}\",
  \"library\": \"lib${name}.so\",
  \"handler\": \"${ARG_HANDLER}\",
  \"memory_mib\": ${ARG_MEMORY},
  \"timeout_s\": ${ARG_TIMEOUT}
}
")
endfunction()

macro(_hearth_default variable value)
  if(NOT DEFINED ${variable})
    set(${variable} "${value}")
  endif()
endmacro()

function(_hearth_check_range function keyword value low high)
  if(NOT value MATCHES "^[0-9]+$" OR value LESS low OR value GREATER high)
    message(FATAL_ERROR "hearth_add_function(${function}): ${keyword} is \"${value}\"; it must be a whole number from "
                        "${low} to ${high}")
  endif()
endfunction()
