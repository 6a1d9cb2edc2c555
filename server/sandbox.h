#pragma once

/*
 * The sandbox that `bluehelm serve` puts itself into once its socket listens: whoever takes the
 * process over finds that it can read the dataset and talk on connections that were accepted, and
 * little else. Parts, each on its own:
 *
 *  - no new privileges, no capabilities, no core file, no memory for others to read;
 *  - Landlock: files can be read in the directories of the dataset (and of other files named), and
 *    nothing can be written, run or listed; from ABI 4 no TCP port can be bound or connected to,
 *    from ABI 6 no abstract socket outside be connected to and no process outside be signalled;
 *  - seccomp: system calls by list (server/sandbox.c says which, and what becomes of the others).
 */

#include <stdbool.h>

#include "server/base/error.h"

/** Whether the process is to be confined. In the order of the choices of --sandbox. */
enum sandbox_mode {
    SANDBOX_OFF,
    SANDBOX_ON,       /* by all that the kernel has; the log says what it has not */
    SANDBOX_REQUIRED, /* by all parts, or not start */
};

/**
 * Confines the calling thread, and all threads and processes that it makes from now on, for good.
 *
 * Shape: readable is a list of files, NULL-terminated: all in the directory of each can be read
 * from now on, and all in that of the file which it leads to now, where it is a symbolic link; so a
 * file may be replaced by renaming another one over it. Files and sockets that are open stay so.
 * Writes to the log what is on and what is not.
 * Errors: ERR_INPUT for SANDBOX_REQUIRED where a part cannot be had; the process may then be
 * confined by the other parts already. Call it while there is one thread.
 */
bool sandbox_enter(enum sandbox_mode mode, const char *const readable[], struct error *err);
