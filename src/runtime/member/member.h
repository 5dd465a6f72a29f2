/* SPDX-License-Identifier: MIT */
#ifndef EGI_MEMBER_MEMBER_H
#define EGI_MEMBER_MEMBER_H

/*
 * The life of a member of the crew, which is what its thread does.
 */

void *egi_member_main(void *member);

#endif
