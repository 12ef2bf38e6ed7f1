//! authkit
