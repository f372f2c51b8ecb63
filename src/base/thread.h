/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SONDE_BASE_THREAD_H
#define SONDE_BASE_THREAD_H

#include <pthread.h>

/* Starts a thread that takes no signals: these are the caller's. 0 or negative errno. */
int thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg);

#endif
