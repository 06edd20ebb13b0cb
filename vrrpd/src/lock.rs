//! Locks that a panic of another holder does not take away: what they hold is whole after each statement.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, whatever has become of whoever held it before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
