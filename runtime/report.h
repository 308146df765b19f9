/* SPDX-License-Identifier: Apache-2.0 */
/* report.h -- what a failed check says about the actor that was running. */
#ifndef RUNTIME_REPORT_H
#define RUNTIME_REPORT_H

/* Prints, to standard error, the worker of this thread, the running actor's class and handle, its
 * current message, the kinds of the last messages it handled, and the seed of a simulated world. */
void report_print(void);

/* Makes it the process's panic reporter, which runs after the check's own line. */
void report_install(void);

#endif
