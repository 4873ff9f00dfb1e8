/*
 * function.h
 *	  The action call_function.
 */
#ifndef CRM_FUNCTION_H
#define CRM_FUNCTION_H

#include "automation/rule.h"

extern void function_compile(CrmAction *action, CrmCompiled *compiled);
extern void function_run(CrmWork *work);

#endif							/* CRM_FUNCTION_H */
