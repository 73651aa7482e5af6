// SPDX-License-Identifier: BSD-2-Clause
//! The graph of disks and their components (libgeom.h, geom(4)).

pub use crate::ffi::{
    g_device_path, g_mediasize, g_providername, g_sectorsize, gclass, gconfig, gconsumer, geom_deletetree,
    geom_gettree, ggeom, gmesh, gprovider,
};
