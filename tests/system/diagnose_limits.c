#include "system.h"
const struct test diagnose_limit_tests[] = {{0}};
