void Bad(const char* in, char* out) {
  if (fork() == 0) system("ls");
  popen("ls", "r");
  usleep(10);
  std::this_thread::sleep_for(1s);
  strcpy(out, in);
  sprintf(out, "%d", atoi(in));
  std::regex words("a+");
  std::thread other([] {});
  throw 1;
}
