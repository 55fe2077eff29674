//! Evaluators on other machines, over a NATS server with JetStream.
//!
//! A search puts jobs into a queue of the server, workers take them and answer. What the server
//! keeps is disposable: the journal of the run is the truth, every job has a name that follows from
//! what is asked alone, and the first answer to it counts, whoever gives it and however often. So a
//! worker or a server that is lost costs time, never a decision.
//!
//! All that waits for the network is in one thread with a runtime of its own; everything else hears
//! of it over channels.
#![forbid(unsafe_code)]
// What is read here comes from outside, and no panic is to be reached from there.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod access;
mod certificate;
mod coordinator;
mod crowd;
mod desk;
mod error;
mod jetstream;
mod message;
mod parts;
mod pieces;
mod remote;
mod server;
mod status;
mod subject;
mod worker;

pub use access::{ACK_WAIT, Access, Login, Passwords, Role, Secret};
pub use certificate::make_certificate;
pub use coordinator::{Coordinator, Wish};
pub use error::ClusterError;
pub use message::{
    Answer, Context, Facts, FileContent, Message, Presence, Readiness, Trouble, Unbelieved, Wanted,
    read as read_message, write as write_message,
};
pub use pieces::{Folder, hash as file_hash};
pub use remote::RemoteEvaluator;
pub use server::{Program, Server, ServerOptions, free_port};
pub use status::{Pool, Status, look};
pub use worker::{Maker, Served, WorkerOptions, serve};
