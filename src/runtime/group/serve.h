/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_SERVE_H
#define EGI_GROUP_SERVE_H

/*
 * A group as the crew's customer: gives a crew thread a place, tells the sentinel how the group fares, and has the
 * thread work until nothing is left.
 */

#include "runtime/crew/crew.h"

extern const struct egi_post_customer egi_customer;

#endif
