//! Sending to mail servers that the tests play.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use lettre::transport::smtp::client::Certificate;

use super::*;
use crate::mailer::Sender;

/// What a server was told in one session.
#[derive(Debug, Default)]
struct Session {
    commands: Vec<String>,
    mails: Vec<String>,
}

/// What most servers offer.
const SIGNING_IN: &str = "250-test\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME";

/// Answers as a mail server does; recipients that start with `no` are refused for good, `later` for now.
async fn serve(stream: TcpStream, offer: &str, sessions: mpsc::UnboundedSender<Session>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test ESMTP\r\n").await?;
    talk(stream, offer, sessions).await
}

/// Goes on after the greeting.
async fn talk<S: AsyncBufRead + AsyncWrite + Unpin>(
    mut stream: S,
    offer: &str,
    sessions: mpsc::UnboundedSender<Session>,
) -> std::io::Result<()> {
    let mut session = Session::default();
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let command = std::mem::take(&mut line).trim_end().to_owned();
        let verb = command.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        let answer = match &*verb {
            "EHLO" => offer,
            "AUTH" if command == format!("AUTH PLAIN {}", STANDARD.encode("\0me\0secret")) => "235 welcome",
            "AUTH" => "535 5.7.8 wrong credentials",
            "RCPT" if command.contains("<no") => "550 5.1.1 nobody",
            "RCPT" if command.contains("<later") => "451 4.2.0 busy",
            "DATA" => "354 go on",
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        session.commands.push(command);
        if verb == "DATA" {
            let mut mail = String::new();
            while !mail.ends_with("\r\n.\r\n") {
                stream.read_line(&mut mail).await?;
            }
            session.mails.push(mail);
            stream.write_all(b"250 queued\r\n").await?;
            sessions.send(std::mem::take(&mut session)).expect("the test is waiting");
        }
    }
    Ok(())
}

async fn server() -> (SmtpSettings, mpsc::UnboundedReceiver<Session>) {
    server_with(SIGNING_IN).await
}

/// A server that offers this.
async fn server_with(offer: &'static str) -> (SmtpSettings, mpsc::UnboundedReceiver<Session>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, offer, sender.clone()));
        }
    });
    (SmtpSettings { host: "127.0.0.1".into(), port, ..SmtpSettings::default() }, receiver)
}

fn message(to: &str) -> Message {
    Message {
        from: Sender { address: "app@example.com".into(), name: "Ünser App".into() },
        to: vec![to.into()],
        subject: "Grüße".into(),
        html: "<p>hello</p>".into(),
        plain: "hello".into(),
        id: "<1@example.com>".into(),
        headers: vec![("X-Kind".into(), "invite".into()), ("x-kind".into(), "é".into())],
    }
}

#[tokio::test]
async fn a_mail_arrives_with_both_parts() {
    let (settings, mut sessions) = server().await;
    let settings =
        SmtpSettings { user: "me".into(), password: "secret".into(), greeting: "app.example".into(), ..settings };
    let smtp = Smtp::new(&settings).unwrap();
    smtp.send(&message("ann@example.com")).await.unwrap();
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.commands[0], "EHLO app.example");
    assert!(session.commands.iter().any(|command| command.starts_with("MAIL FROM:<app@example.com>")));
    assert!(session.commands.iter().any(|command| command == "RCPT TO:<ann@example.com>"));
    let mail = &session.mails[0];
    for part in [
        "Message-ID: <1@example.com>\r\n",
        "X-Kind: invite, =?utf-8?b?w6k=?=\r\n",
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n",
        "Content-Type: multipart/alternative;",
        "\r\n\r\nhello\r\n",
        "\r\n\r\n<p>hello</p>\r\n",
    ] {
        assert!(mail.contains(part), "{part:?} in {mail}");
    }
}

#[tokio::test]
async fn refusals_say_of_which_kind_they_are() {
    let (settings, _sessions) = server().await;
    let smtp = Smtp::new(&settings).unwrap();
    assert!(matches!(smtp.send(&message("no@example.com")).await, Err(MailError::Refused(_))));
    assert!(matches!(smtp.send(&message("later@example.com")).await, Err(MailError::Later(_))));

    let wrong = SmtpSettings { user: "me".into(), password: "wrong".into(), ..settings.clone() };
    let error = Smtp::new(&wrong).unwrap().send(&message("ann@example.com")).await.unwrap_err();
    assert!(matches!(error, MailError::Refused(_)), "{error:?}");

    let send = async |security| {
        let secure = SmtpSettings { security, ..settings.clone() };
        Smtp::new(&secure).unwrap().send(&message("ann@example.com")).await.unwrap_err()
    };
    let error = send(Security::StartTls).await;
    assert!(matches!(error, MailError::Unsupported(_)), "{error:?}");
    let error = send(Security::Tls).await;
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let timeout = Duration::from_millis(50);
    let settings = SmtpSettings { host: "127.0.0.1".into(), port, timeout, ..SmtpSettings::default() };
    let error = Smtp::new(&settings).unwrap().send(&message("ann@example.com")).await.unwrap_err();
    assert!(matches!(error, MailError::Timeout(0)), "{error:?}");
    let settings = SmtpSettings { timeout: Duration::from_secs(5), port: 1, ..settings };
    let error = Smtp::new(&settings).unwrap().send(&message("ann@example.com")).await.unwrap_err();
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
}

#[test]
fn settings_do_not_print_the_password() {
    let settings = SmtpSettings { password: "secret".into(), ..SmtpSettings::default() };
    assert!(!format!("{settings:?}").contains("secret"));
}

/// A mail server with a certificate of its own: TLS from the start, or after `STARTTLS`.
async fn secure_server(security: Security) -> (SmtpSettings, mpsc::UnboundedReceiver<Session>, Certificate) {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acceptor, sender) = (acceptor.clone(), sender.clone());
            tokio::spawn(async move {
                if security == Security::StartTls {
                    until_starttls(&mut stream).await?;
                }
                let mut stream = BufReader::new(acceptor.accept(stream).await?);
                if security == Security::Tls {
                    stream.write_all(b"220 test ESMTP\r\n").await?;
                }
                talk(stream, SIGNING_IN, sender).await
            });
        }
    });
    let settings = SmtpSettings { host: "localhost".into(), port, security, ..SmtpSettings::default() };
    (settings, receiver, Certificate::from_der(own.cert.der().to_vec()).unwrap())
}

async fn until_starttls(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 test ESMTP\r\n").await?;
    let mut line = String::new();
    while line.trim_end() != "STARTTLS" {
        if !line.is_empty() {
            assert!(line.starts_with("EHLO"), "{line}");
            stream.write_all(b"250-test\r\n250 STARTTLS\r\n").await?;
        }
        line.clear();
        stream.read_line(&mut line).await?;
    }
    stream.write_all(b"220 go on\r\n").await
}

#[tokio::test]
async fn mail_travels_encrypted_to_who_is_known() {
    for security in [Security::StartTls, Security::Tls] {
        let (settings, mut sessions, certificate) = secure_server(security).await;
        let settings = SmtpSettings { user: "me".into(), password: "secret".into(), ..settings };
        let trust =
            |host: &str| TlsParameters::builder(host.to_owned()).add_root_certificate(certificate.clone()).build();
        Smtp::trusting(&settings, &trust).unwrap().send(&message("ann@example.com")).await.unwrap();
        let session = sessions.recv().await.unwrap();
        assert!(session.commands.iter().any(|command| command.starts_with("AUTH PLAIN")), "{security:?}");
        assert!(session.mails[0].contains("<p>hello</p>"));

        let error = Smtp::new(&settings).unwrap().send(&message("ann@example.com")).await.unwrap_err();
        assert!(matches!(error, MailError::Insecure(_) | MailError::Unreachable(_)), "{security:?} {error:?}");
        assert!(sessions.try_recv().is_err(), "nothing was sent to who is unknown");
    }
}

#[test]
fn credentials_are_not_sent_in_clear_over_a_network() {
    let auto = |host: &str, port, user: &str| {
        let settings = SmtpSettings { host: host.into(), port, user: user.into(), ..SmtpSettings::default() };
        format!("{:?}", tls(&settings, Security::Auto, &|host| TlsParameters::new(host.to_owned())).unwrap())
    };
    assert_eq!(auto("mail.example", 465, "me"), "Wrapper");
    assert_eq!(auto("mail.example", 587, "me"), "Required");
    assert_eq!(auto("mail.example", 25, ""), "Opportunistic");
    assert_eq!(auto("localhost", 2500, "me"), "Opportunistic");
}

/// What Supabase's compose file has: an account is set, and beside it is a server that catches mail and knows none.
#[tokio::test]
async fn a_server_nearby_that_knows_no_accounts_gets_mail_without_one() {
    let (settings, mut sessions) = server_with("250-test\r\n250 8BITMIME").await;
    let settings = SmtpSettings { user: "fake".into(), password: "secret".into(), ..settings };
    let smtp = Smtp::new(&settings).unwrap();
    for _ in 0..2 {
        smtp.send(&message("ann@example.com")).await.unwrap();
        let session = sessions.recv().await.unwrap();
        assert!(session.mails[0].contains("<p>hello</p>"));
        assert!(!session.commands.iter().any(|command| command.starts_with("AUTH")), "{:?}", session.commands);
    }
    for security in [Security::StartTls, Security::Plain] {
        let strict = Smtp::new(&SmtpSettings { security, ..settings.clone() }).unwrap();
        let error = strict.send(&message("ann@example.com")).await.unwrap_err();
        assert!(matches!(error, MailError::Unsupported(_)), "{security:?} {error:?}");
    }
    assert!(sessions.try_recv().is_err());
}

/// As on a private network: encryption is asked for, since there are credentials.
fn over_a_network(settings: &SmtpSettings) -> Smtp {
    let mut smtp = Smtp::new(settings).unwrap();
    let parameters = TlsParameters::new(settings.host.clone()).unwrap();
    smtp.transport = transport(settings, Tls::Required(parameters)).build();
    smtp
}

#[tokio::test]
async fn credentials_are_not_sent_in_clear_to_a_server_nearby() {
    let account = |settings| SmtpSettings { user: "me".into(), password: "secret".into(), ..settings };
    let (settings, mut sessions) = server_with("250-test\r\n250 8BITMIME").await;
    over_a_network(&account(settings)).send(&message("ann@example.com")).await.unwrap();
    assert!(!sessions.recv().await.unwrap().commands.iter().any(|command| command.starts_with("AUTH")));

    let (settings, mut sessions) = server().await;
    let error = over_a_network(&account(settings)).send(&message("ann@example.com")).await.unwrap_err();
    assert!(matches!(error, MailError::Unsupported(_)), "{error:?}");
    assert!(sessions.try_recv().is_err(), "it takes accounts, and would get none");
}
