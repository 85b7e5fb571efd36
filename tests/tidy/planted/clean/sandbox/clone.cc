int a = fork();
