//! The binary as its users meet it: what it says, how it ends, what it leaves behind.

#![allow(missing_docs, reason = "a test")]

mod bench;
mod checkpoints;
mod data;
mod grow;
mod help;
mod kills;
mod methods;
mod mistakes;
mod new;
mod runs;
mod tiny;
