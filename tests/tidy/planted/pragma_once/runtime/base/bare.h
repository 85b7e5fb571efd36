int Bare();
