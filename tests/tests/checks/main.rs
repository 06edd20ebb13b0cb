//! Health checks and tracking: what is found becomes a priority or a fault, at once, on the wire.

mod kinds;
mod load;
mod rig;
mod scripts;
mod tracking;
