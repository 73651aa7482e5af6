// SPDX-License-Identifier: BSD-2-Clause
//! The components of a GEOM provider: the disk of a partition or a label, the file of an md(4) disk.

use crate::os::freebsd::provider::text;
use crate::os::identity::{Identity, Object, backing};
use capdump_sys::geom::{gclass, gconfig, gconsumer, geom_deletetree, geom_gettree, ggeom, gmesh, gprovider};
use std::ffi::{CStr, OsStr, OsString, c_char};
use std::fs::Metadata;
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Bytes of a device's name (`SPECNAMELEN` and its NUL, sys/param.h).
const NAME_BYTES: usize = 256;

/// A provider.
#[derive(Debug, Default)]
struct Provider {
    name: Vec<u8>,
    /// What its geom uses.
    below: Vec<Vec<u8>>,
    /// Whether it is the only provider of its geom, which is no partition table: then it is what is below it by another name.
    alone: bool,
    /// The file of an md(4) disk.
    file: Option<Vec<u8>>,
}

/// Not known: `st_birthtime` can be set, and `st_gen` is for root only.
pub fn born(_meta: &Metadata) -> Option<u128> {
    None
}

/// The disk with that number, if it is one. Disks are character devices.
pub fn disk(number: u64, is_block: bool) -> Object {
    let mut object = Object::default();
    let name = device_name(number);
    if let (false, Some(name), Some(providers)) = (is_block, name, providers()) {
        gather(&providers, &name, true, &mut object);
    }
    object
}

/// The name of a character device, without `/dev/`.
fn device_name(number: u64) -> Option<Vec<u8>> {
    let mut name: [c_char; NAME_BYTES] = [0; NAME_BYTES];
    // SAFETY: devname_r writes at most NAME_BYTES bytes, NUL among them, to `name`.
    let found = unsafe { libc::devname_r(number as _, libc::S_IFCHR, name.as_mut_ptr(), NAME_BYTES as i32) };
    if found.is_null() {
        return None;
    }
    let bytes: Vec<u8> = name.iter().map(|byte| *byte as u8).collect();
    CStr::from_bytes_until_nul(&bytes).ok().map(|name| name.to_bytes().to_vec())
}

/// Notes a provider and what is below it. `same`: it is the disk in question, and not only holds it.
fn gather(providers: &[Provider], name: &[u8], same: bool, object: &mut Object) {
    let Some(provider) = providers.iter().find(|provider| provider.name == name) else { return };
    let identity = Identity::Provider(OsString::from_vec(name.to_vec()));
    if object.same.contains(&identity) || object.within.contains(&identity) {
        return;
    }
    let list = if same { &mut object.same } else { &mut object.within };
    list.push(identity);
    let file = provider.file.as_ref().and_then(|file| backing(Path::new(OsStr::from_bytes(file))));
    list.extend(file.into_iter().flat_map(|file| file.same));
    for below in &provider.below {
        gather(providers, below, same && provider.alone && provider.below.len() == 1, object);
    }
}

/// All providers of the system.
fn providers() -> Option<Vec<Provider>> {
    // SAFETY: gmesh is a C struct of pointers, for which zero is a value.
    let mut mesh: gmesh = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: geom_gettree fills in one gmesh.
    if unsafe { geom_gettree(&mut mesh) } != 0 {
        return None;
    }
    let mut found = Vec::new();
    let mut class: *const gclass = mesh.lg_class.lh_first;
    // SAFETY: list heads and links of the tree are null or point to elements of it, and nothing changes it.
    while let Some(this) = unsafe { class.as_ref() } {
        class = this.lg_class.le_next;
        // SAFETY: as above.
        let is_table = unsafe { text(this.lg_name) } == Some(b"PART");
        let mut geom: *const ggeom = this.lg_geom.lh_first;
        // SAFETY: as above.
        while let Some(this) = unsafe { geom.as_ref() } {
            geom = this.lg_geom.le_next;
            // SAFETY: as above.
            unsafe { read_geom(this, is_table, &mut found) };
        }
    }
    // SAFETY: the tree is geom_gettree's; nothing that points into it is left.
    unsafe { geom_deletetree(&mut mesh) };
    Some(found)
}

/// # Safety
/// `geom` must be of a tree of geom_gettree(3) that is not changed meanwhile.
unsafe fn read_geom(geom: &ggeom, is_table: bool, found: &mut Vec<Provider>) {
    let mut below = Vec::new();
    let mut consumer: *const gconsumer = geom.lg_consumer.lh_first;
    // SAFETY: list heads and links are null or point to elements of the tree; the same holds below.
    while let Some(this) = unsafe { consumer.as_ref() } {
        consumer = this.lg_consumer.le_next;
        // SAFETY: the provider and its name are null or of the tree.
        if let Some(name) = unsafe { this.lg_provider.as_ref().and_then(|provider| text(provider.lg_name)) } {
            below.push(name.to_vec());
        }
    }
    let first = found.len();
    let mut provider: *const gprovider = geom.lg_provider.lh_first;
    // SAFETY: as above.
    while let Some(this) = unsafe { provider.as_ref() } {
        provider = this.lg_provider.le_next;
        // SAFETY: as above.
        let (name, file) = unsafe { (text(this.lg_name), value(this.lg_config.lh_first, b"file")) };
        if let Some(name) = name {
            let (name, below) = (name.to_vec(), below.clone());
            found.push(Provider { name, below, alone: false, file });
        }
    }
    if let [only] = &mut found[first..] {
        only.alone = !is_table;
    }
}

/// The value of a name in the configuration of an element.
///
/// # Safety
/// `config` must be null or of such a tree.
unsafe fn value(config: *const gconfig, name: &[u8]) -> Option<Vec<u8>> {
    let mut config = config;
    // SAFETY: links of the list are null or point to elements of the tree, and so do names and values.
    while let Some(this) = unsafe { config.as_ref() } {
        config = this.lg_config.le_next;
        // SAFETY: as above.
        if unsafe { text(this.lg_name) } == Some(name) {
            // SAFETY: as above.
            return unsafe { text(this.lg_val) }.map(<[u8]>::to_vec);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str, below: &[&str], alone: bool) -> Provider {
        let below = below.iter().map(|name| name.as_bytes().to_vec()).collect();
        Provider { name: name.as_bytes().to_vec(), below, alone, file: None }
    }

    #[test]
    fn a_label_is_its_partition_within_its_disk() {
        let mut disk = provider("md0", &[], true);
        disk.file = Some(b"/etc/passwd".to_vec());
        let providers = [
            disk,
            provider("md0p1", &["md0"], false),
            provider("md0p2", &["md0"], false),
            provider("ufs/root", &["md0p1"], true),
            provider("mirror/m", &["md0p2", "ada0"], true),
        ];
        let named = |list: &[Identity]| -> Vec<String> {
            let names = list.iter().filter_map(|identity| match identity {
                Identity::Provider(name) => Some(name.to_string_lossy().into_owned()),
                _ => None,
            });
            names.collect()
        };
        let mut object = Object::default();
        gather(&providers, b"ufs/root", true, &mut object);
        assert_eq!(named(&object.same), ["ufs/root", "md0p1"]);
        assert_eq!(named(&object.within), ["md0"]);
        assert!(object.within.iter().any(|identity| matches!(identity, Identity::File { .. })));
        let mut object = Object::default();
        gather(&providers, b"mirror/m", true, &mut object);
        assert_eq!(named(&object.same), ["mirror/m"]);
        assert_eq!(named(&object.within), ["md0p2", "md0"]);
    }

    #[test]
    fn the_system_can_be_asked() {
        assert!(providers().is_some_and(|all| all.iter().all(|provider| !provider.name.is_empty())));
    }
}
