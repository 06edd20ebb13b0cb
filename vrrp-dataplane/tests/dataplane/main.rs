//! The data plane in the kernel that this runs on: every verdict through `BPF_PROG_TEST_RUN`, and loading, adopting
//! and detaching on a pair of interfaces in a network namespace of each test's own. Needs root.

#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]
#![expect(clippy::wildcard_enum_match_arm, reason = "tests look at the verdicts that they are about")]

mod attach;
mod cost;
mod egress;
mod floods;
mod former;
mod frames;
mod guard;
mod ladder;
mod model;
mod near;
mod random;
mod rig;
mod settling;
mod verdicts;
mod wire;
