//! The whole program: its layers, and the binary as users run it.

mod layering;
