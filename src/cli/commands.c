#include "cli/commands.h"

#include <stddef.h>

#include "cli/bench.h"
#include "cli/crawl_order.h"
#include "cli/data_type_options.h"

#define JOB_ID                                                                                     \
    {                                                                                              \
        {                                                                                          \
            "ID", VALUE_ID                                                                         \
        }                                                                                          \
    }
#define TASK_ID                                                                                    \
    {                                                                                              \
        {                                                                                          \
            "JOB/TASK", VALUE_TASK                                                                 \
        }                                                                                          \
    }

const struct command commands[] = {
    {"up", "run", "start a private PostgreSQL and a node: everything in one program",
     "Makes a PostgreSQL of its own in the data folder, creates Pawl's schema and runs a node "
     "with\n"
     "the HTTP API, until SIGINT or SIGTERM. The data stays in the folder, which must be empty, "
     "not\n"
     "there yet, or one that pawl up made.",
     "  pawl up\n"
     "  pawl up --data /srv/pawl --listen 9000\n"
     "  pawl up --listen none                  without the HTTP API",
     .options = command_up_options, .run = command_up},
    {"serve", NULL, "run a node on a database that is there already",
     "Claims and runs tasks until SIGINT or SIGTERM; then it gives back what has not started and\n"
     "waits for the rest. Start it on as many machines as you like. pawl migrate comes first.",
     "  pawl serve --db postgresql://db.example/app\n"
     "  DATABASE_URL=postgresql://db.example/app pawl serve --listen 0.0.0.0:8787 --slots 64",
     .options = command_serve_options, .run = command_serve},

    {"crawl",
     "work",
     "visit every page of a site and report what is slow or broken",
     "Finds all pages of a site by its links and sitemaps and asks for each, as politely as its\n"
     "robots.txt wants it, again where that fills a cache. Shows its progress; Ctrl-C stops\n"
     "watching, not the crawl. Where no node serves the database, it runs one until "
     "it\n"
     "has ended. Exits with 7 when the start page cannot be reached.",
     "  pawl crawl https://example.com\n"
     "  pawl crawl https://example.com --max-pages 500 --exclude '/search*' --exclude '*.pdf$'\n"
     "  pawl crawl https://example.com --concurrency 8 --delay 0 --weights views.csv\n"
     "  pawl crawl https://example.com --json | jq '.broken[].url'",
     {{"URL", VALUE_TEXT}},
     command_crawl_options,
     command_crawl,
     .shared = crawl_order_options},
    {"report",
     NULL,
     "list every page of a crawl that is broken, slow, ...",
     "Kinds: broken, with every page that leads there; slow, the slowest first; redirects, where\n"
     "they end; uncached, what no cache holds, and why; orphans, pages in a sitemap to which no\n"
     "page leads; unlisted, pages in no sitemap; all. Rows are printed as they come, as many as\n"
     "there are; --json is --format json.",
     "  pawl report 7\n"
     "  pawl report 7 --kind slow --limit 20\n"
     "  pawl report 7 --kind uncached --format csv > uncached.csv\n"
     "  pawl report 7 --kind broken --format json | jq -r '.[].url'",
     {{"JOB", VALUE_ID}},
     command_report_options,
     command_report},
    {"enqueue",
     NULL,
     "put a task into a kind's standing job",
     "The payload is JSON; - reads it from standard input. Prints the task's id.",
     "  pawl enqueue greet '{\"name\": \"Ada\"}'\n"
     "  pawl enqueue report '{}' --key daily --delay 3600\n"
     "  pawl enqueue import - < payload.json",
     {{"KIND", VALUE_TEXT}, {"JSON", VALUE_TEXT}},
     command_enqueue_options,
     command_enqueue},

    {"job list", "jobs", "show the newest jobs", NULL,
     "  pawl job list\n  pawl job list --status failed --limit 10",
     .options = command_job_list_options, .run = command_job_list},
    {"job show", NULL, "show a job, its progress and, of a crawl, its report",
     "With --follow it shows the progress until the job has ended; Ctrl-C stops watching, not the\n"
     "job. Exits with 1 when the job that it followed failed or was cancelled.",
     "  pawl job show 7\n  pawl job show 7 --follow", JOB_ID, command_job_show_options,
     command_job_show},
    {"job cancel", NULL, "end a job and cancel what is left of it", NULL, "  pawl job cancel 7",
     JOB_ID, .run = command_job_cancel},
    {"job pause", NULL, "start nothing more of a job until it is resumed", NULL,
     "  pawl job pause 7", JOB_ID, .run = command_job_pause},
    {"job resume", NULL, "let a paused job go on", NULL, "  pawl job resume 7", JOB_ID,
     .run = command_job_resume},
    {"job retry", NULL, "run a job's failed tasks again", NULL, "  pawl job retry 7", JOB_ID,
     .run = command_job_retry},

    {"task list",
     "tasks",
     "show a job's tasks",
     NULL,
     "  pawl task list 7\n  pawl task list 7 --status failed",
     {{"JOB", VALUE_ID}},
     command_task_list_options,
     command_task_list},
    {"task show", NULL, "show a task with its failed attempts", NULL, "  pawl task show 7/1234",
     TASK_ID, .run = command_task_show},
    {"task cancel", NULL, "cancel a task, whether it waits, is pending or runs", NULL,
     "  pawl task cancel 7/1234", TASK_ID, .run = command_task_cancel},
    {"task retry", NULL, "run an ended task again", NULL, "  pawl task retry 7/1234", TASK_ID,
     .run = command_task_retry},

    {"why",
     NULL,
     "say what a job or a task waits for",
     "Whatever does not run has a reason: since when it waits, and when that is looked at next. "
     "Of\n"
     "a task that runs it says where, of one that has ended, how.",
     "  pawl why 7\n  pawl why 7/1234\n  pawl why 7/1234 --json | jq -r '.reasons[].reason'",
     {{"JOB[/TASK]", VALUE_WORK}},
     .run = command_why},

    {"kind list", "kinds", "show the kinds of tasks there are", NULL, "  pawl kind list",
     .run = command_kind_list},
    {"kind set",
     NULL,
     "create a kind, or change it",
     "What is not given stays as it is, or takes the default in brackets. --max-running and "
     "--pace\n"
     "hold over all nodes together.",
     "  pawl kind set greet --executor sql --target app.greet\n"
     "  pawl kind set mail --executor sql --target app.send_mail --max-running 5 --pace 10\n"
     "  pawl kind set mail --pace 20           change that, and nothing else\n"
     "  pawl kind set fulfil --executor http --target https://example.com/fulfil \\\n"
     "      --signing-secret file:fulfil --authorization env:FULFIL_KEY",
     {{"NAME", VALUE_TEXT}},
     command_kind_set_options,
     command_kind_set},
    {"kind test",
     NULL,
     "try out whether what a kind calls can be reached",
     "Of http a node sends one OPTIONS request to the target, with the kind's headers and "
     "secrets,\n"
     "and it says what is wrong: the name, the connection, TLS, a secret or the status. Of sql it\n"
     "looks whether the function is there. Exits with 7 when the target cannot be reached, with 1\n"
     "for any other fault.",
     "  pawl kind test fulfil",
     {{"NAME", VALUE_TEXT}},
     .run = command_kind_test},

    {"limit list", "limits", "show the limits of kinds and of their keys", NULL,
     "  pawl limit list", .run = command_limit_list},
    {"limit set",
     NULL,
     "limit a kind, or each limit key of a kind",
     "Limits hold over all nodes together. What is not given stays as it is; 0 takes a limit away. "
     "The\n"
     "key of a task says for whom it is (pawl enqueue --limit-key): a customer, a device.",
     "  pawl limit set mail --max-running 20 --pace 10\n"
     "  pawl limit set mail --per-key --max-running 1\n"
     "  pawl limit set audio --max-running 1 --spacing 30\n"
     "  pawl limit set geocode --window 86400 --max-calls 2500\n"
     "  pawl limit set stocks --window 60 --max-calls 300 --bytes-window 2592000 \\\n"
     "    --max-bytes 20000000000 --estimated-bytes 2000000",
     {{"KIND", VALUE_TEXT}},
     command_limit_set_options,
     command_limit_set},

    {"schedule list", "schedules", "show what is started again and again, and when", NULL,
     "  pawl schedule list\n  pawl schedule list --json | jq '.[] | select(.last_error)'",
     .run = command_schedule_list},
    {"schedule show",
     NULL,
     "show one schedule and when it runs next",
     NULL,
     "  pawl schedule show nightly\n  pawl schedule show nightly --runs 20 --json | jq .next_runs",
     {{"NAME", VALUE_TEXT}},
     command_schedule_show_options,
     command_schedule_show},
    {"schedule set",
     NULL,
     "create a schedule, or change it",
     "What is not given stays as it is. A new one needs --url or --kind, and --every or --cron. "
     "It\n"
     "starts when a node runs; what was missed meanwhile is made up for by one run, unless "
     "--catch-up\n"
     "says otherwise. Of a kind that is no crawl, a run adds a task, unless the one before is "
     "still\n"
     "open and --overlap says nothing else. Options of a crawl are those of pawl crawl; beside "
     "--url\n"
     "they are told anew, and those that are left out are gone.",
     "  pawl schedule set shop --url https://shop.example --every 6h --replace\n"
     "  pawl schedule set shop --url https://shop.example --max-pages 500 --exclude '*.pdf$'\n"
     "  pawl schedule set nightly --kind report --cron \"0 3 * * *\" --time-zone Europe/Berlin\n"
     "  pawl schedule set hourly --kind report --every 1h --overlap queue --catch-up all "
     "--time-member hour\n"
     "  pawl schedule set shop --delay 2       change that, and nothing else\n"
     "  pawl schedule set shop --pause",
     {{"NAME", VALUE_TEXT}},
     command_schedule_set_options,
     command_schedule_set,
     .shared = crawl_order_options,
     .shared_title = "options of a crawl"},
    {"schedule delete",
     NULL,
     "delete a schedule; what it started goes on",
     NULL,
     "  pawl schedule delete shop",
     {{"NAME", VALUE_TEXT}},
     .run = command_schedule_delete},
    {"schedule run",
     NULL,
     "run a schedule now, by hand",
     "Also one that is paused. When it runs next by itself stays as it is.",
     "  pawl schedule run shop",
     {{"NAME", VALUE_TEXT}},
     .run = command_schedule_run},

    {"trigger list", "triggers", "show the tables whose rows become tasks", NULL,
     "  pawl trigger list\n  pawl trigger list --json | jq '.[] | select(.problem)'",
     .run = command_trigger_list},
    {"trigger set",
     NULL,
     "make a task of each row that is inserted into a table",
     "Or updated, or deleted. The expressions are SQL over the row: new, and old on update and "
     "delete.\n"
     "They are tried before anything changes, and a node tries out what the kind calls. A failure "
     "in\n"
     "there never fails the statement on the table: it is kept for pawl trigger list. The same "
     "name\n"
     "again changes a trigger; what is left out is the default again.",
     "  pawl trigger set orders --kind fulfil\n"
     "  pawl trigger set shop.orders --kind notify --on update \\\n"
     "    --condition 'old.status is distinct from new.status' \\\n"
     "    --payload \"jsonb_build_object('order', new.id, 'status', new.status)\"",
     {{"TABLE", VALUE_TEXT}},
     command_trigger_set_options,
     command_trigger_set},
    {"trigger test",
     NULL,
     "try out what a trigger's kind calls",
     "As pawl kind test: a node sends one request to the target. pawl trigger set does it, too; "
     "pawl\n"
     "trigger list shows what the last test found wrong.",
     "  pawl trigger test orders_insert_fulfil",
     {{"NAME", VALUE_TEXT}},
     .run = command_trigger_test},
    {"trigger remove",
     NULL,
     "take a trigger off its table; its tasks go on",
     NULL,
     "  pawl trigger remove orders_insert_fulfil",
     {{"NAME", VALUE_TEXT}},
     .run = command_trigger_remove},

    {"data-type list", "freshness", "show what can go stale, and how it is refreshed", NULL,
     "  pawl data-type list\n  pawl data-type list --json | jq '.[] | select(.problem)'",
     .run = command_data_type_list},
    {"data-type show",
     NULL,
     "show all that a data type is",
     NULL,
     "  pawl data-type show price",
     {{"NAME", VALUE_TEXT}},
     .run = command_data_type_show},
    {"data-type set",
     NULL,
     "create a data type, or change it",
     "What is not given stays as it is, or takes the default in brackets. A new one needs --kind "
     "and\n"
     "--ttl, or --cron or --spread. Data of it is refreshed when it is stale and somebody looks at "
     "it\n"
     "(pawl.subscribe) or asks for it; with --cron or --spread, whether anybody does or not.",
     "  pawl data-type set price --kind provider --ttl 1m --table public.prices \\\n"
     "      --key-column symbol --time-column updated_at --max-calls 300 --window 1m\n"
     "  pawl data-type set price --ttl 5m      change that, and nothing else\n"
     "  pawl data-type set price --parent profile --gate-function app.market_gate\n"
     "  pawl data-type set digest --kind report --cron \"0 18 * * 1-5\" --global",
     {{"NAME", VALUE_TEXT}},
     command_data_type_set_options,
     command_data_type_set,
     .shared = data_type_budget_options,
     .shared_title = "its budget: limits over all its refreshes, beside those of the kind; 0 takes "
                     "one away"},
    {"data-type set-ttl",
     NULL,
     "let one key be fresh for another time than its type says",
     "It counts from the last refresh on. With default its type's time holds again.",
     "  pawl data-type set-ttl price BRK.A 1h\n  pawl data-type set-ttl price BRK.A default",
     {{"TYPE", VALUE_TEXT}, {"KEY", VALUE_TEXT}, {"TTL", VALUE_TEXT}},
     .run = command_data_type_set_ttl},
    {"data-type track",
     NULL,
     "let every write to a type's table move the freshness of its keys",
     "By triggers on the table: whoever writes, what is written is fresh from then on, and what "
     "is\n"
     "deleted is missing. Without it the table is looked at when a key is due.",
     "  pawl data-type track price",
     {{"NAME", VALUE_TEXT}},
     .run = command_data_type_track},
    {"data-type untrack",
     NULL,
     "take these triggers off the table",
     NULL,
     "  pawl data-type untrack price",
     {{"NAME", VALUE_TEXT}},
     .run = command_data_type_untrack},
    {"data-type drop",
     NULL,
     "forget a data type, and who looks at it; its data stays",
     "What is open of its refreshes is cancelled.",
     "  pawl data-type drop price",
     {{"NAME", VALUE_TEXT}},
     .run = command_data_type_drop},
    {"freshness status",
     NULL,
     "show how the keys of each type stand, and what holds them back",
     "DUE is all that is to be refreshed: what is queued, runs, waits for its gate, for a parent "
     "or\n"
     "after a failure, and what is looked at any moment. LATE says for how long it has been due,\n"
     "and wanted by somebody, but for what a gate or the pause after a failure holds on purpose.\n"
     "Below stand budgets, gates, breakers and errors.",
     "  pawl freshness status\n  pawl freshness status price --json | jq '.[].late_p95_seconds'",
     {{"[TYPE]", VALUE_TEXT}},
     .run = command_freshness_status},
    {"freshness show",
     NULL,
     "say why a key is stale, who wants it and what happens next",
     "Of a type without keys the key is left out.",
     "  pawl freshness show price AAPL\n"
     "  pawl freshness show price AAPL --json | jq -r '.reasons[].reason'",
     {{"TYPE", VALUE_TEXT}, {"[KEY]", VALUE_TEXT}},
     .run = command_freshness_show},
    {"freshness list",
     NULL,
     "show keys of a type, the longest overdue first",
     NULL,
     "  pawl freshness list price\n  pawl freshness list price --state retry --limit 10",
     {{"TYPE", VALUE_TEXT}},
     command_freshness_list_options,
     command_freshness_list},
    {"freshness request",
     NULL,
     "refresh a key now, whoever looks at it",
     "Asked again before it has come it is the same request, and only its priority may rise.",
     "  pawl freshness request price AAPL\n  pawl freshness request price AAPL --priority 100",
     {{"TYPE", VALUE_TEXT}, {"[KEY]", VALUE_TEXT}},
     command_freshness_priority_options,
     command_freshness_request},
    {"freshness check",
     NULL,
     "say what of a key is stale, and refresh that",
     "In these types, or in all that have keys. Absent data is stale.",
     "  pawl freshness check AAPL\n  pawl freshness check AAPL price profile --priority 10",
     {{"KEY", VALUE_TEXT}, {"[TYPE...]", VALUE_TEXT}},
     command_freshness_priority_options,
     command_freshness_check},
    {"subscription adopt",
     NULL,
     "take the rows of a table for subscriptions, as long as they are there",
     "The expressions are SQL over the row: new.show ->> 'symbol'. A set of keys, or of types, is "
     "a\n"
     "subscription to each. They are tried before anything changes. With triggers every write to "
     "the\n"
     "table counts at once, and none ever fails or waits for it; a sweep only reads the table. The "
     "same\n"
     "name again changes an adoption; what is left out is the default again.",
     "  pawl subscription adopt public.sessions --type price --key new.symbol --holder new.id\n"
     "  pawl subscription adopt realtime.subscription --type price --mode sweep --every 5s \\\n"
     "    --key \"(select f.value from unnest(new.filters) f where f.column_name = 'symbol')\" \\\n"
     "    --holder new.subscription_id --condition \"new.entity = 'public.prices'::regclass\"",
     {{"TABLE", VALUE_TEXT}},
     command_subscription_adopt_options,
     command_subscription_adopt},
    {"subscription adoptions", NULL, "show tables whose rows are subscriptions",
     "IGNORED counts rows that cannot be any, when the table was read last.",
     "  pawl subscription adoptions\n"
     "  pawl subscription adoptions --json | jq '.[] | select(.problem)'",
     .run = command_subscription_adoptions},
    {"subscription drop",
     NULL,
     "leave an adopted table alone; its subscriptions end",
     NULL,
     "  pawl subscription drop sessions",
     {{"NAME", VALUE_TEXT}},
     .run = command_subscription_drop},

    {"breaker list", "breakers", "show targets that are down, or were", NULL,
     "  pawl breaker list\n  pawl breaker list --json | jq '.[] | select(.state != \"closed\")'",
     .run = command_breaker_list},
    {"breaker close",
     NULL,
     "let the tasks of a target that is back go on at once",
     "One task tries a target that is down again and again by itself, after growing pauses of up "
     "to\n"
     "five minutes; this is for those who know that it is back.",
     "  pawl breaker close https://example.com:443",
     {{"TARGET", VALUE_TEXT}},
     .run = command_breaker_close},

    {"migrate", "database", "create Pawl's schema, or bring it up to date",
     "Applies the migrations that the database lacks, then functions, triggers, views and grants\n"
     "when they differ, in one transaction: it happens as a whole or not at all. Needs no "
     "extension\n"
     "and no superuser, only the right to create a schema. Nodes may go on running. --compat "
     "makes\n"
     "the schemas cron and net with the functions that people know from the extensions; later\n"
     "migrations keep them up to date.",
     "  pawl migrate --db postgresql://localhost/app\n"
     "  pawl migrate --compat pg_cron,pg_net   for SQL that was written for these\n"
     "  pawl migrate --sql | psql app          for a person who reads it first",
     .options = command_migrate_options, .run = command_migrate},
    {"migrate status", NULL, "show which migrations the database has", NULL,
     "  pawl migrate status --db postgresql://localhost/app", .run = command_migrate_status},
    {"url", NULL, "print the connection string of the database in use", NULL,
     "  psql \"$(pawl url)\"                     look into the private database",
     .run = command_url},
    {"status", NULL, "show nodes, jobs and tasks at a glance", NULL,
     "  pawl status\n  pawl status --json | jq .tasks", .run = command_status},

    {"bench drain", "measure", "how fast a node drains jobs full of tasks", NULL,
     "  pawl bench drain --tasks 1000000 --jobs 4", .options = bench_drain_options,
     .run = bench_drain},
    {"bench enqueue", NULL, "how fast tasks are added", NULL, "  pawl bench enqueue --batch 1000",
     .options = bench_enqueue_options, .run = bench_enqueue},
    {"bench pickup", NULL, "how soon an idle node starts a task", NULL,
     "  pawl bench pickup --samples 1000", .options = bench_pickup_options, .run = bench_pickup},
    {"bench storm", NULL, "many sessions that change tasks of a few jobs", NULL,
     "  pawl bench storm --clients 32", .options = bench_storm_options, .run = bench_storm},
    {NULL},
};
