/* SPDX-License-Identifier: BSD-2-Clause */
/* What bindgen.sh makes src/ffi64.rs and src/ffi32.rs from. */
#include <sys/types.h>
#include <sys/procctl.h>
#include <sys/procdesc.h>
#include <sys/disk.h>
#include <sys/mtio.h>
#include <libgeom.h>

/* bindgen cannot work out a macro with a sizeof in it; a constant it can. */
#define IOCTL(name) static const unsigned long IOCTL_##name = name
IOCTL(DIOCGSECTORSIZE);
IOCTL(DIOCGMEDIASIZE);
IOCTL(DIOCGPROVIDERNAME);
IOCTL(MTIOCTOP);
IOCTL(MTIOCGET);
IOCTL(MTIOCRDSPOS);
IOCTL(MTIOCERRSTAT);
IOCTL(MTIOCGETEOTMODEL);
IOCTL(MTIOCEXTGET);
