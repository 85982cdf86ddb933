/*
 * The daemon's log: one line an event on standard error, with the time, a level and words as
 * PostgreSQL writes them. Logged where it is decided, once. What a command answers to its user goes
 * to standard output and is not a log.
 */
#ifndef PAWL_BASE_LOG_H
#define PAWL_BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Lines below this level are not written; LOG_INFO at start. */
void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
