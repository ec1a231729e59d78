//===- main.c - A C99 program of a user -----------------------------------===//

#include "twice.h"

#include <stdio.h>

int main(void) {
  attnrt_context *context = NULL;
  attnrt_status status = attnrt_context_create(&context);
  if (status) {
    fprintf(stderr, "%s\n", attnrt_status_message(status));
    attnrt_status_free(status);
    return 1;
  }
  char report[1000];
  attnrt_device_report(context, report, sizeof(report));
  fputs(report, stdout);
  attnrt_context_destroy(context);
  return twice() == 2 * (uint32_t)ATTNRT_VERSION ? 0 : 1;
}
