/* A library with a versioned symbol, in an old and a new version: helper.map and old/helper.map. */
int helper(void) { return 2; }
