//! A server of names on a port of its own, for what looks up hosts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::MX;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What is known of a host.
#[derive(Clone, Copy, Debug)]
pub enum Zone {
    /// Its mail servers and its addresses; of anything else there is nothing.
    Known {
        /// Names of mail servers.
        mail: &'static [&'static str],
        /// Addresses of either kind.
        addresses: &'static [&'static str],
    },
    /// Mail servers alone can be asked for, and there are none; asking for addresses fails.
    Halting,
    /// Asking for it fails.
    Failing,
    /// Nothing is answered.
    Silent,
}

/// A running server; it ends when it is dropped. Hosts that it was told nothing of do not exist.
#[derive(Debug)]
pub struct NameServer {
    /// Where it is.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    /// Starts it.
    ///
    /// # Panics
    /// When there is no port to listen on.
    pub async fn start(zones: &'static [(&'static str, Zone)]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(socket, zones, Arc::clone(&asked)));
        Self { address, asked, task }
    }

    /// What was asked until now, as `b.co. MX`.
    ///
    /// # Panics
    /// When answering has panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zones: &[(&str, Zone)], asked: Arc<Mutex<Vec<String>>>) {
    let mut buffer = [0; 1024];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await.expect("a datagram");
        let question = Message::from_vec(&buffer[..length]).expect("a message");
        let query = question.queries.first().expect("a question").clone();
        asked.lock().expect("no panic").push(format!("{} {}", query.name(), query.query_type()));
        if let Some((code, records)) = answer(zones, &query) {
            let mut message = Message::response(question.metadata.id, question.metadata.op_code);
            message.metadata.response_code = code;
            message.metadata.recursion_desired = true;
            message.metadata.recursion_available = true;
            message.add_query(query);
            message.add_answers(records);
            socket.send_to(&message.to_vec().expect("a short message"), client).await.expect("sent");
        }
    }
}

fn answer(zones: &[(&str, Zone)], query: &Query) -> Option<(ResponseCode, Vec<Record>)> {
    let host = query.name().to_ascii();
    let Some((_, zone)) = zones.iter().find(|(name, _)| host.strip_suffix('.') == Some(*name)) else {
        return Some((ResponseCode::NXDomain, Vec::new()));
    };
    let of = query.query_type();
    let (mail, addresses) = match zone {
        Zone::Known { mail, addresses } => (*mail, *addresses),
        Zone::Halting if of == RecordType::MX => return Some((ResponseCode::NoError, Vec::new())),
        Zone::Halting | Zone::Failing => return Some((ResponseCode::ServFail, Vec::new())),
        Zone::Silent => return None,
    };
    let mail = mail.iter().map(|name| RData::MX(MX::new(10, Name::from_ascii(name).expect("a name"))));
    let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().expect("an address").into());
    let found = mail.chain(addresses).filter(|data: &RData| data.record_type() == of);
    Some((ResponseCode::NoError, found.map(|data| Record::from_rdata(query.name().clone(), 60, data)).collect()))
}
