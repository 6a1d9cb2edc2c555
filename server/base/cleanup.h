#pragma once

/* Destructors that run when a variable leaves its scope. */

/** `defer(buffer_done) struct buffer text = ...;` runs buffer_done(&text) at the end of the scope.
 */
#define defer(destructor) __attribute__((cleanup(destructor)))
