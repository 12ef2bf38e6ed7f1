//! move_copy
