// SPDX-License-Identifier: BSD-2-Clause
//! GEOM providers: their names, and which of them are the same device.

use capdump_sys::geom::{
    g_device_path, g_providername, gclass, gconsumer, geom_deletetree, geom_gettree, ggeom, gmesh, gprovider,
};
use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The device file of a name that may lack `/dev/`: only if it is a disk.
pub fn device_path(name: &OsStr) -> Option<OsString> {
    let name = CString::new(name.as_bytes()).ok()?;
    // SAFETY: the name ends in NUL and outlives the call; the answer is null or a string that is ours.
    unsafe { take_string(g_device_path(name.as_ptr())) }
}

/// Whether the open disk and the device file are one device: the same provider, or one is only a label of the other.
pub fn is_same(fd: BorrowedFd<'_>, path: &OsStr) -> bool {
    let Some(name) = provider_name(fd) else { return false };
    let Some(other) = path.as_bytes().strip_prefix(b"/dev/") else { return false };
    let Some(labels) = Labels::of_system() else { return name.as_bytes() == other };
    labels.base(name.as_bytes()) == labels.base(other)
}

/// The provider's name, without `/dev/`, whatever link it was opened by.
fn provider_name(fd: BorrowedFd<'_>) -> Option<OsString> {
    // SAFETY: g_providername takes any descriptor number; the answer is null or a string that is ours.
    unsafe { take_string(g_providername(fd.as_raw_fd())) }
}

/// Makes a string of malloc(3)'s ours.
///
/// # Safety
/// `text` must be null, or a string that ends in NUL, comes from malloc(3) and is used by no one else.
unsafe fn take_string(text: *mut c_char) -> Option<OsString> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, so by the contract a string.
    let copy = unsafe { CStr::from_ptr(text) }.to_bytes().to_vec();
    // SAFETY: by the contract it came from malloc and is ours to free; the copy does not point into it.
    unsafe { libc::free(text.cast()) };
    Some(OsString::from_vec(copy))
}

/// What each label names: pairs of a provider that a geom of class LABEL has made and the one below it.
#[derive(Debug, Default)]
struct Labels(HashMap<Vec<u8>, Vec<u8>>);

impl Labels {
    /// The labels of this system.
    fn of_system() -> Option<Labels> {
        // SAFETY: gmesh is a C struct of pointers, for which zero is a value.
        let mut mesh: gmesh = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: geom_gettree fills in one gmesh.
        if unsafe { geom_gettree(&mut mesh) } != 0 {
            return None;
        }
        // SAFETY: geom_gettree has filled in the tree, and nothing changes it.
        let labels = unsafe { read_tree(&mesh) };
        // SAFETY: the tree is geom_gettree's; nothing that points into it is left.
        unsafe { geom_deletetree(&mut mesh) };
        Some(labels)
    }

    /// What is below all labels of `name`.
    fn base<'a>(&'a self, name: &'a [u8]) -> &'a [u8] {
        // Each step goes down a layer; there are no more of them than labels.
        let mut base = name;
        for _ in 0..self.0.len() {
            match self.0.get(base) {
                Some(below) => base = below,
                None => break,
            }
        }
        base
    }
}

/// # Safety
/// `mesh` must be a tree of geom_gettree(3) that is not changed meanwhile.
unsafe fn read_tree(mesh: &gmesh) -> Labels {
    let mut labels = Labels::default();
    let mut class: *const gclass = mesh.lg_class.lh_first;
    // SAFETY: list heads and links of the tree are null or point to elements of it; the same holds below.
    while let Some(this) = unsafe { class.as_ref() } {
        class = this.lg_class.le_next;
        // SAFETY: as above.
        if unsafe { text(this.lg_name) } != Some(b"LABEL") {
            continue;
        }
        let mut geom: *const ggeom = this.lg_geom.lh_first;
        // SAFETY: as above.
        while let Some(this) = unsafe { geom.as_ref() } {
            geom = this.lg_geom.le_next;
            // SAFETY: as above.
            unsafe { read_label(this, &mut labels) };
        }
    }
    labels
}

/// # Safety
/// `geom` must be of such a tree.
unsafe fn read_label(geom: &ggeom, labels: &mut Labels) {
    let consumer: *const gconsumer = geom.lg_consumer.lh_first;
    // SAFETY: the consumer, its provider and that one's name are null or of the tree.
    let below =
        unsafe { consumer.as_ref().and_then(|c| c.lg_provider.as_ref()).and_then(|p| text(p.lg_name)) };
    let Some(below) = below else { return };
    let mut provider: *const gprovider = geom.lg_provider.lh_first;
    // SAFETY: as above.
    while let Some(this) = unsafe { provider.as_ref() } {
        provider = this.lg_provider.le_next;
        // SAFETY: as above.
        if let Some(name) = unsafe { text(this.lg_name) } {
            labels.0.insert(name.to_vec(), below.to_vec());
        }
    }
}

/// # Safety
/// `name` must be null or a string that ends in NUL and outlives what is done with the answer.
pub(super) unsafe fn text<'a>(name: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not null, so by the contract a string.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lead_to_one_device() {
        let pairs = [("gpt/root", "ada0p2"), ("ufs/root", "gpt/root"), ("a", "b"), ("b", "a")];
        let labels = Labels(pairs.map(|(a, b)| (a.as_bytes().to_vec(), b.as_bytes().to_vec())).into());
        for name in ["ufs/root", "gpt/root", "ada0p2"] {
            assert_eq!(labels.base(name.as_bytes()), b"ada0p2", "{name}");
        }
        assert_eq!(labels.base(b"ada0p3"), b"ada0p3");
        // A circle, which there is not, ends too.
        assert!(labels.base(b"a").len() == 1);
    }

    #[test]
    fn the_system_can_be_asked() {
        let labels = Labels::of_system().expect("there is a tree of geoms");
        assert!(labels.0.keys().all(|name| !name.is_empty()));
        assert_eq!(device_path(OsStr::new("null")), None, "no disk");
        let null = std::fs::File::open("/dev/null").unwrap();
        assert!(!is_same(std::os::fd::AsFd::as_fd(&null), OsStr::new("/dev/null")));
    }
}
