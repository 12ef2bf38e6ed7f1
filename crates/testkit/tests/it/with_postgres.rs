//! `with-postgres` as a program: what the command is given, what comes back, and that nothing stays.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

fn with_postgres(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-postgres"));
    command.args(["sh", "-c", script]).env_remove("VESTIBULE_TEST_DATABASE_URL");
    command
}

/// `127.0.0.1:5432` out of a URL.
fn address(url: &str) -> &str {
    let (_, rest) = url.trim().split_once('@').expect("a URL with a user");
    rest.split('/').next().expect("a first part is always there")
}

#[test]
fn command_gets_a_server_and_its_code_comes_back() {
    let output = with_postgres("echo $VESTIBULE_TEST_DATABASE_URL; exit 7").output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let url = String::from_utf8(output.stdout).unwrap();
    assert!(url.starts_with("postgres://postgres@127.0.0.1:"), "{url}");
    assert!(TcpStream::connect(address(&url)).is_err(), "the server still listens");
}

#[test]
fn server_that_is_given_is_used() {
    let mut command = with_postgres("echo $VESTIBULE_TEST_DATABASE_URL");
    let output = command.env("VESTIBULE_TEST_DATABASE_URL", "postgres://given").output().unwrap();
    assert_eq!(output.stdout, b"postgres://given\n");
}

#[test]
fn interrupt_stops_command_and_server() {
    let mut command = with_postgres("echo $VESTIBULE_TEST_DATABASE_URL; exec sleep 1000");
    // A terminal signals the whole group at once.
    let mut running = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut url).unwrap();
    drop(TcpStream::connect(address(&url)).unwrap());
    killpg(Pid::from_raw(running.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert!(TcpStream::connect(address(&url)).is_err(), "the server still listens");
}

#[test]
fn command_that_does_not_exist_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_with-postgres"));
    let output = command.arg("/no/such/command").env_remove("VESTIBULE_TEST_DATABASE_URL").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "with-postgres: cannot run /no/such/command: No such file or directory (os error 2)\n");
}
