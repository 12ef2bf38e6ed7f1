//! Bytes as a request to the data API, in the form of `crates/rest/tests/hostile/requests.txt`: read, planned and written as
//! SQL. libFuzzer keeps what reaches new code and changes it further.

#![no_main]

libfuzzer_sys::fuzz_target!(|request: &[u8]| {
    rest::sql::hostile(request);
});
