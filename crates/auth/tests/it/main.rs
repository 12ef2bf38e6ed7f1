//! The account service as its clients see it: the router in process, each test on a database of its own.

mod signup;
mod support;
