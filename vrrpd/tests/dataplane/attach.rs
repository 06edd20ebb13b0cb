//! Loading, adopting, and what is in the way.
