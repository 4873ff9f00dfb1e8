/*
 * process.h
 *	  Business processes: definitions, instances that cross tables, gates.
 */
#ifndef CRM_PROCESS_H
#define CRM_PROCESS_H

#include "core/core.h"

/*
 * What automation is told: stage_left, stage_entered, process_started,
 * process_finished, process_abandoned, process_reactivated. The records are
 * of the table of the stage that is named, which for the process_ events is
 * the one the instance stands in.
 */
typedef void (*ProcessEventHook) (CrmOrganization *org, const char *event, const char *entity,
								  const int64 *record_ids, int n,
								  const char *process_name, const char *stage_name);

extern ProcessEventHook process_event_hook;

/*
 * The rules that action steps name: one runs a rule on a record and returns
 * done, queued or skipped; the other says what keeps a rule from being run by
 * hand on a table, NULL = nothing.
 */
typedef char *(*ProcessRuleHook) (CrmOrganization *org, const char *rule, int64 record_id);
typedef char *(*ProcessRuleCheckHook) (CrmOrganization *org, const char *rule, const char *entity);

extern ProcessRuleHook process_rule_hook;
extern ProcessRuleCheckHook process_rule_check_hook;

extern void process_rule_ran(CrmOrganization *org, const char *rule, const int64 *record_ids, int n);

extern void process_settle(CrmOrganization *org);
extern void process_init(void);

#endif							/* CRM_PROCESS_H */
