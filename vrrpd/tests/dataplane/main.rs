//! The data plane in the kernel that this runs on: every verdict through `BPF_PROG_TEST_RUN`, and loading, adopting
//! and detaching on a pair of interfaces in a network namespace of each test's own. Needs root.

mod attach;
mod cost;
mod egress;
mod frames;
mod model;
mod random;
mod rig;
mod verdicts;
