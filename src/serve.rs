//! What serving a request takes, whoever serves it: the proxy's hooks or the lane in front of them. What both
//! must agree on is here once.

pub mod ask;
pub mod client;
pub mod key;
pub mod ray;
pub mod spelling;
pub mod status_label;
