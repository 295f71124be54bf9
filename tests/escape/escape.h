// Attempts to get out of a pod, or to harm the host from within: one function each, in a process of its own.
// An attempt that gets through must do no lasting harm: it asks in a way that is refused first for want of
// rights and then for being nonsense, or sets what is set already, or only opens.
#ifndef TESTS_ESCAPE_ESCAPE_H
#define TESTS_ESCAPE_ESCAPE_H

#include <errno.h>
#include <stdbool.h>

// What came of an attempt. Functions return one of these, or a positive errno: refused with that.
enum { THROUGH = 0, NOTHING_TO_TRY = -1 };

struct Attempt {
  const char* name;
  const char* what;  // for the table of docs/security.md
  int (*run)(void);
};

// Details of a success, shown behind the verdict ("opened /dev/sda").
void tell(const char* format, ...) __attribute__((format(printf, 1, 2)));

// 0 becomes THROUGH and -1 becomes errno: for calls whose success is harm.
int verdict(long result);
// For calls that check rights first: any other refusal than these shows that the right is there.
int verdict_unless_rights(long result);

extern const struct Attempt kCallAttempts[];
extern const struct Attempt kFileAttempts[];
extern const struct Attempt kProcessAttempts[];

#endif
