/* SPDX-License-Identifier: BSD-2-Clause */
/* What a manifest says of the trace's own form: is it ours, and can this version read it? */
#ifndef SONDE_TRACE_MARKS_H
#define SONDE_TRACE_MARKS_H

#include "base/diag.h"

/* The form of traces that this version writes and reads. */
#define TRACE_SCHEMA 1

/*
 * -EINVAL with a sentence for text that is no manifest of a sonde trace, or of another form;
 * -EBADMSG for what is no whole JSON value: a manifest that was cut looks so.
 */
int marks_check(const char *dir, const char *manifest, struct diag *d);

#endif
