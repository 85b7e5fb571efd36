#!/usr/bin/env python3
"""Runs a program where clone and unshare make no user namespaces, as behind the filter of an outer container."""
import ctypes
import os
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
CLONE, UNSHARE, CLONE3 = 56, 272, 435  # x86_64
CLONE_NEWUSER = 0x10000000
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EPERM, ENOSYS = 1, 38
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16


def deny_user_namespaces():
    program = [(LOAD, 0, 0, NUMBER_AT), (EQUAL, 5, 0, CLONE3), (EQUAL, 1, 0, CLONE), (EQUAL, 0, 2, UNSHARE),
               (LOAD, 0, 0, FIRST_ARGUMENT_AT), (ANY_BIT, 2, 0, CLONE_NEWUSER),
               (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ERRNO | ENOSYS), (RETURN, 0, 0, ERRNO | EPERM)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
    filter_of = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(code)))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_of, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    deny_user_namespaces()
    os.execv(sys.argv[1], sys.argv[1:])
