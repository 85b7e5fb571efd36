// A library that functions find in a layer, and nowhere else.
extern "C" int ShelfNumber() { return SHELF_NUMBER; }
