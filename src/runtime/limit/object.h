/* SPDX-License-Identifier: MIT */
#ifndef EGI_LIMIT_OBJECT_H
#define EGI_LIMIT_OBJECT_H

/*
 * What all limits of the process have in common: the jobserver's.
 */

/* At exit: tokens are given back, whatever tasks still run. Around fork. */
void egi_limits_stop(void);
void egi_limits_lock(void);
void egi_limits_unlock(void);
void egi_limits_start_child(void);

#endif
