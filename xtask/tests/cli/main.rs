//! The binary as its users meet it: what it says, how it ends, what it leaves behind.

#![allow(missing_docs, reason = "a test")]

mod checkpoints;
mod help;
mod kills;
mod mistakes;
mod runs;
mod tiny;
