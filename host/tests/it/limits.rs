//! What logic may use, and what happens to the others when it uses more.

mod admission;
mod departure;
mod fairness;
mod faults;
mod sandbox;
