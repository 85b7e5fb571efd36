#pragma once
// A comment may say fork(), system() and throw; "sleep" too.
inline const char* kText = "fork() system() throw usleep(1) strcpy(";
inline const char* kRaw = R"x(throw std::regex
popen( )x";
inline int kSeparated = 1'000'000;
/* throw
   atoi( */
