#include "controller/cli/wiring.h"

/// The thin `escape`: everything that a remote controller answers. What needs more hands over to the full program.
int main(int argc, char** argv) { return escape::cli::run(argc, argv, {}); }
