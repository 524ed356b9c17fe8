/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KUBEARMOR_CANARY_H
#define KUBEARMOR_CANARY_H

/* What a canary is called by; src/policy/probe-candidates.ts has the same. */
#define CANARY_NAME "canary-probe"
/* In the environment: `act`, the program that a canary runs as; `pass`, one that it executes to see whether it may. */
#define CANARY_ROLE "KUBEARMOR_CANARY"
#define CANARY_SECONDS 10
#define OTHER_USER 65534

/* One line, split at spaces in place. Gives the number of words, at most `max`; 0 for an empty line. */
int split_words(char *line, char **words, int max);

/* Replaces %XX; 0 where it is not written so. */
int unescape(char *text);

/* Does what a line says (`r ID PATH` and the like) and answers with `ID ERRNO` on standard output. */
void do_deed(char *line);

/* Executes a path in a child. Gives the errno, 0 where it was executed. */
int try_exec(const char *path, const char *name);

/* Runs until `seconds` are over, or the parent is gone. */
void limit_life(void);

#endif
