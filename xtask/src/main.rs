//! Placeholder.

fn main(){}
