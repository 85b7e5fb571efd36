void Wait() { ::sleep(1); }
