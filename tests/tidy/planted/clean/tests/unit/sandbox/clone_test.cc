#include <seccomp.h>
int a = fork();
