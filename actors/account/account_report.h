/* SPDX-License-Identifier: Apache-2.0 */
/* account_report.h -- what an account tells monitoring. */
#ifndef ACTORS_ACCOUNT_ACCOUNT_REPORT_H
#define ACTORS_ACCOUNT_ACCOUNT_REPORT_H

struct account_report;
struct interest;

/* Answers with the figures of the index, and the slice that was asked for. */
void account_answer_report(const struct interest *interest, struct account_report *m);

#endif
