/* SPDX-License-Identifier: Apache-2.0 */
/* report.h -- what a failed check says about the actor that was running. */
#ifndef RUNTIME_REPORT_H
#define RUNTIME_REPORT_H

/* Sets the process's panic reporter: after the check's own line it prints, to standard error, the
 * worker, the running actor's class and handle, its current message, the kinds of the last messages
 * it handled, and the simulation's seed. For main, the simulator and tests. */
void report_install(void);

#endif
