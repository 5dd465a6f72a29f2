/* SPDX-License-Identifier: MIT */
/*
 * The personality routine of frames that no exception passes: see exception.h.
 */
#include "os/exception.h"

_Unwind_Reason_Code egi_exception_judge(int version, _Unwind_Action actions, _Unwind_Exception_Class kind,
					struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
	(void)version;
	(void)kind;
	(void)exception;
	(void)context;
	/* For the end of a thread no handler is searched: it only unwinds. */
	return (actions & _UA_SEARCH_PHASE) != 0 ? _URC_FATAL_PHASE1_ERROR : _URC_CONTINUE_UNWIND;
}
