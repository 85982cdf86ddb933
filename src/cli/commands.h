/* The table of all commands, and the functions and option tables that it names. */
#ifndef PAWL_CLI_COMMANDS_H
#define PAWL_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command commands[]; /* ends with a row without words */

command_run_fn command_up, command_serve;
command_run_fn command_migrate, command_migrate_status, command_url, command_status;
command_run_fn command_crawl, command_report, command_enqueue;
command_run_fn command_job_list, command_job_show, command_job_cancel, command_job_pause,
    command_job_resume, command_job_retry;
command_run_fn command_task_list, command_task_show, command_task_cancel, command_task_retry;
command_run_fn command_why;
command_run_fn command_kind_list, command_kind_set, command_kind_test;
command_run_fn command_limit_list, command_limit_set;
command_run_fn command_schedule_list, command_schedule_show, command_schedule_set,
    command_schedule_delete, command_schedule_run;
command_run_fn command_data_type_list, command_data_type_show, command_data_type_set,
    command_data_type_set_ttl, command_data_type_track, command_data_type_untrack,
    command_data_type_drop;
command_run_fn command_freshness_status, command_freshness_show, command_freshness_list,
    command_freshness_request, command_freshness_check;
command_run_fn command_subscription_adopt, command_subscription_adoptions,
    command_subscription_drop;
command_run_fn command_breaker_list, command_breaker_close;
command_run_fn command_trigger_list, command_trigger_set, command_trigger_test,
    command_trigger_remove;

extern const struct option command_up_options[], command_serve_options[], command_migrate_options[],
    command_crawl_options[], command_report_options[], command_enqueue_options[],
    command_job_list_options[], command_job_show_options[], command_task_list_options[],
    command_kind_set_options[], command_limit_set_options[], command_schedule_set_options[],
    command_schedule_show_options[], command_trigger_set_options[], command_data_type_set_options[],
    command_freshness_list_options[], command_freshness_priority_options[],
    command_subscription_adopt_options[];

#endif
