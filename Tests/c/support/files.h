/* What tests need of the system: descriptors that become readable, modes and sizes of files, and a limit of their size. */
#ifndef FILES_H
#define FILES_H

#include "test.h"

#include <sys/resource.h>

/* Returns true if a descriptor polls readable within `ms`. */
bool readable(int fd, int ms);

/* Limits the size of files: from now on no file grows past so many bytes. */
void limit_files(rlim_t bytes);

/* Returns the size of a file. */
rlim_t size_of(const char *path);

/* Returns the permission bits of a file, or of the link itself. */
int mode_of(const char *path);

#endif
