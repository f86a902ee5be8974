#include "system.h"
const struct test diagnose_owner_tests[] = {{0}};
