#include "system.h"
const struct test diagnose_peer_tests[] = {{0}};
