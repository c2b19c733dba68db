//! The metrics of GLUE and SQuAD, against scikit-learn, scipy and SQuAD's rules, by their laws, and with input they refuse.

mod glue;
mod kept;
mod laws;
mod refused;
