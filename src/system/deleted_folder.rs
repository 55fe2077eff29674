//! A current folder that was deleted: an initializer of a library that libtorch needs asks for it
//! and ends the process by an exception, whatever the command. The process therefore stands in the
//! root folder until `main` begins.
//!
//! Unsafe, because nothing but `.preinit_array` runs before the initializers of shared libraries,
//! and the standard library is not ready there.
#![allow(unsafe_code, reason = "runs before the initializers of libraries")]

use std::sync::atomic::{AtomicI32, Ordering};

/// The deleted folder while the process stands elsewhere; -1 where there is none.
static DELETED: AtomicI32 = AtomicI32::new(-1);

// SAFETY: the section holds pointers to functions, which the C library calls with arguments that
// need not be read.
#[used]
#[unsafe(link_section = ".preinit_array")]
static BEFORE_LIBRARIES: extern "C" fn() = leave;

/// Leaves a current folder that was deleted.
extern "C" fn leave() {
    let mut path = [0; libc::PATH_MAX as usize];
    // SAFETY: the buffer is as long as is said; the other arguments are texts that end with zero.
    // System calls need nothing of the C library that is not ready yet.
    unsafe {
        if libc::getcwd(path.as_mut_ptr(), path.len()).is_null() {
            let folder = libc::open(c".".as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
            if folder >= 0 && libc::chdir(c"/".as_ptr()) == 0 {
                DELETED.store(folder, Ordering::Relaxed);
            }
        }
    }
}

/// Goes back to the folder in which the process was started: what names a file in it is an error
/// that says so.
pub(crate) fn go_back() {
    let folder = DELETED.swap(-1, Ordering::Relaxed);
    if folder >= 0 {
        // SAFETY: the descriptor was opened by [`leave`] and is closed here alone.
        unsafe {
            libc::fchdir(folder);
            libc::close(folder);
        }
    }
}
