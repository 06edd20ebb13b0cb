//! The kernel side: loading, attaching and pinning it, and the maps it shares with the daemon.
