/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Help, man pages and completions, all made from the option tables. These print
 * to a buffer; the two below it to standard output.
 */
#ifndef SONDE_CMD_HELP_H
#define SONDE_CMD_HELP_H

#include "cmd/cmd.h"

/* What `sonde CMD --help` and `sonde --help` print. Exit status. */
int help_cmd(const struct cmd *cmd);
int help_all(void);

/* "sonde export [OPTIONS] TRACE", without and with markup. */
void help_usage(struct buf *b, const struct cmd *cmd);

/* Generated parts of the man page: head, then a line that is only HELP_MAN_CUT, then OPTIONS. */
#define HELP_MAN_CUT ".\\\" ----"
void help_man(struct buf *b, const struct cmd *cmd);
/* Running text, escaped for mdoc(7), in lines of its own. */
void help_man_text(struct buf *b, const char *text);
/* The list of commands of sonde(1). */
void help_man_all(struct buf *b);
void help_md(struct buf *b, const struct cmd *cmd);

/* Completions for all commands. */
void help_bash(struct buf *b);
void help_zsh(struct buf *b);
void help_fish(struct buf *b);

#endif
