//! Handing a letter over: to the hook that replaces all mail, to the mail server, or to the mailbox.

use std::future::Future;
use std::sync::Arc;

use authkit::address;
use authkit::mailer::{Mailer, Message, Sender};
use authkit::template::{Kind, Letter, Template, TemplateError, Variables, builtin_texts, preferences};
use futures_util::future::try_join_all;
use pg::Transaction;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Letters, action};
use crate::error::Error;
use crate::hooks::{self, HookName};
use crate::limits::{self, Sending};
use crate::model::mailbox::{self, NewMail};
use crate::model::users::User;
use crate::one_time::Code;
use crate::refusal::{Refusal, chain};
use crate::state::State;
use crate::waiting;

/// A letter to be handed over.
pub(super) struct Post<'a> {
    pub(super) kind: Kind,
    user: &'a User,
    to: &'a str,
    variables: Variables,
    code: Option<&'a Code>,
    /// What a hook is told besides.
    more: Value,
    /// What the client is told when it fails.
    failed: &'static str,
    /// Whether mail may go there is known already.
    is_checked: bool,
}

/// An error where no mail may go to an address. Who may be a stranger is told so whether there is an account or not.
pub(crate) async fn check_recipient(state: &State, to: &str) -> Result<(), Error> {
    if state.outside.hooks.has(HookName::SendEmail) {
        return Ok(());
    }
    check_authorized(&state.settings.letters.authorized_addresses, to)?;
    let is_accepted = waiting::on("who checks addresses", state.protection.recipients.accept(to)).await;
    if is_accepted { Ok(()) } else { Err(Refusal::EmailInvalid(to.to_owned()).into()) }
}

impl<'a> Post<'a> {
    pub(super) fn new(kind: Kind, user: &'a User, to: &'a str, variables: Variables, failed: &'static str) -> Self {
        Self { kind, user, to, variables, code: None, more: json!({}), failed, is_checked: false }
    }

    /// A letter to an address that has been checked.
    pub(super) fn checked(mut self) -> Self {
        self.is_checked = true;
        self
    }

    pub(super) fn code(mut self, code: &'a Code) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds what a hook is told by the name of a field.
    pub(super) fn tell(mut self, field: &str, value: &str) -> Self {
        self.more[field] = json!(value);
        self
    }
}

impl Letters<'_> {
    /// Sends a letter, if as many may be sent.
    pub(super) async fn deliver(&self, tx: &mut Transaction, post: Post<'_>) -> Result<(), Error> {
        limits::check_sending(self.state, Sending::Mail).await?;
        self.deliver_counted(tx, post).await
    }

    /// Sends a letter that has been counted.
    pub(super) async fn deliver_counted(&self, tx: &mut Transaction, post: Post<'_>) -> Result<(), Error> {
        if self.deliver_by_hook(tx, &post, None).await? {
            return Ok(());
        }
        self.deliver_all(tx, vec![post]).await
    }

    /// Sends letters that have been counted where no hook does: to the mail server at once, or when the transaction
    /// has been committed where nobody is to wait for it, or to the mailbox.
    pub(super) async fn deliver_all(&self, tx: &mut Transaction, posts: Vec<Post<'_>>) -> Result<(), Error> {
        let parcels: Vec<_> = posts.into_iter().map(|post| self.parcel(post)).collect();
        match &self.state.outside.mailer {
            Some(mailer) if self.state.settings.letters.in_background => {
                for mut parcel in parcels {
                    parcel.check(self.state).await?;
                    parcel.is_checked = true;
                    let (state, mailer, kind) = (self.state.clone(), Arc::clone(mailer), parcel.kind);
                    let sending = async move { parcel.mail(&state, &*mailer).await };
                    self.state.background.start_after(tx, kind, sending);
                }
                Ok(())
            }
            Some(mailer) => {
                let sending = parcels.iter().map(|parcel| parcel.mail(self.state, &**mailer));
                try_join_all(sending).await.map(drop)
            }
            None => {
                for parcel in parcels {
                    let id = self.state.random.uuid();
                    let message = parcel.message(self.state, id).await?;
                    let failed = Error::database(parcel.failed);
                    self.keep_in_mailbox(tx, id, &message).await.map_err(failed)?;
                }
                Ok(())
            }
        }
    }

    /// What sends a letter that has been counted without the request, which does not wait; `None` where that writes
    /// in the request's transaction.
    pub(super) fn without_request(&self, post: Post<'_>) -> Option<impl Future<Output = Result<(), Error>> + use<>> {
        let outside = &self.state.outside;
        let way = match &outside.mailer {
            _ if !outside.is_far(HookName::SendEmail) => return None,
            _ if outside.hooks.has(HookName::SendEmail) => Way::Hook(self.hook_input(&post, None)),
            mailer => Way::Mail(mailer.clone()?),
        };
        let (state, client, parcel) = (self.state.clone(), self.client.clone(), self.parcel(post));
        Some(async move {
            match way {
                Way::Hook(input) => hooks::call(&state, None, HookName::SendEmail, &client, input).await.map(drop),
                Way::Mail(mailer) => parcel.mail(&state, &*mailer).await,
            }
        })
    }

    fn parcel(&self, post: Post<'_>) -> Parcel {
        let Post { kind, user, to, variables, failed, is_checked, .. } = post;
        let languages = preferences(&user.user_metadata, self.client.accept_language.as_deref());
        Parcel { kind, to: to.to_owned(), is_checked, languages, variables, failed }
    }

    /// Lets the hook send it, once it has been counted; false when there is none. `current` is the code for the old
    /// address where two addresses must agree. The hashes are then swapped against the codes, as Supabase has it:
    /// `token_hash` is for the new address and goes with `token_new`.
    pub(super) async fn deliver_by_hook(
        &self,
        tx: &mut Transaction,
        post: &Post<'_>,
        current: Option<&Code>,
    ) -> Result<bool, Error> {
        if !self.state.outside.hooks.has(HookName::SendEmail) {
            return Ok(false);
        }
        let input = self.hook_input(post, current);
        hooks::call(self.state, Some(tx), HookName::SendEmail, self.client, input).await?;
        Ok(true)
    }

    fn hook_input(&self, post: &Post<'_>, current: Option<&Code>) -> Value {
        let (digits, hash) = post.code.map_or(("", ""), |code| (&code.digits, &code.hash));
        let (token, token_new) = current.map_or((digits, ""), |current| (&current.digits, digits));
        // Letters without a link lead to the site.
        let site = self.state.settings.site_url.as_str();
        let mut data = json!({
            "token": token,
            "token_hash": hash,
            "redirect_to": if self.redirect_to.is_empty() { site } else { self.redirect_to },
            "email_action_type": action(post.kind),
            "site_url": self.external_url(),
            "token_new": token_new,
            "token_hash_new": current.map_or("", |current| &current.hash),
            "old_email": "",
            "old_phone": "",
            "provider": "",
            "factor_type": "",
        });
        for (field, value) in post.more.as_object().into_iter().flatten() {
            data[field] = value.clone();
        }
        json!({"user": post.user, "email_data": data})
    }

    async fn keep_in_mailbox(&self, tx: &mut Transaction, id: Uuid, message: &Message) -> Result<(), pg::Error> {
        let from = match &*message.from.name {
            "" => message.from.address.clone(),
            name => format!("{name} <{}>", message.from.address),
        };
        let mut headers =
            json!({"From": [from], "To": message.to, "Subject": [message.subject], "Message-ID": [message.id]});
        for (name, value) in &message.headers {
            match headers[name].as_array_mut() {
                Some(values) => values.push(json!(value)),
                None => headers[name] = json!([value]),
            }
        }
        let mail = NewMail {
            id,
            at: self.state.clock.now(),
            from: &from,
            to: message.to.iter().map(String::as_str).collect(),
            subject: &message.subject,
            html: &message.html,
            plain: &message.plain,
            headers,
        };
        mailbox::insert(tx, &mail).await
    }
}

/// Who sends a letter that no request waits for.
enum Way {
    /// The hook, with what it is told.
    Hook(Value),
    Mail(Arc<dyn Mailer>),
}

/// A letter and all that it takes to write it.
struct Parcel {
    kind: Kind,
    to: String,
    is_checked: bool,
    /// Those that the user wants, best first.
    languages: Vec<String>,
    variables: Variables,
    /// What the client is told when it fails.
    failed: &'static str,
}

impl Parcel {
    /// An error where no mail may go to this address.
    async fn check(&self, state: &State) -> Result<(), Error> {
        check_sendable(state, &self.to)?;
        if self.is_checked { Ok(()) } else { check_recipient(state, &self.to).await }
    }

    /// Writes the mail, if mail may go to this address.
    async fn message(&self, state: &State, id: Uuid) -> Result<Message, Error> {
        self.check(state).await?;
        let settings = &state.settings;
        let letter = self.letter(state).map_err(|error| Error::Internal(self.failed, chain(&error)))?;
        let from = Sender { address: settings.mailer_from.clone(), name: settings.mailer_from_name.clone() };
        let id = format!("<{}>", from.message_id(id));
        Ok(Message::new(from, self.to.clone(), letter, id).with_headers(&settings.letters.headers, self.kind))
    }

    fn letter(&self, state: &State) -> Result<Letter, TemplateError> {
        let Self { kind, languages, variables, .. } = self;
        match &state.outside.catalogue {
            Some(catalogue) => catalogue.letter(*kind, languages, variables),
            None => Template::parse(kind.name(), &builtin_texts(*kind))?.render(variables),
        }
    }

    /// Writes the mail and hands it to the mail server.
    async fn mail(&self, state: &State, mailer: &dyn Mailer) -> Result<(), Error> {
        let message = self.message(state, state.random.uuid()).await?;
        let sent = waiting::on("the mail server", mailer.send(&message)).await;
        sent.map_err(|error| Refusal::MailNotSent { text: self.failed, cause: chain(&error) }.into())
    }
}

/// An address that a letter is to be sent to, checked before it is looked for: the answer is to be the same whether it
/// has an account or not.
pub(crate) fn recipient(state: &State, address: &str) -> Result<String, Error> {
    let address = address::email(address)?;
    check_sendable(state, &address)?;
    Ok(address)
}

/// Refuses an address that no mail can be sent to. Hooks are told of any.
fn check_sendable(state: &State, to: &str) -> Result<(), Error> {
    if address::is_sendable(to) || state.outside.hooks.has(HookName::SendEmail) {
        return Ok(());
    }
    Err(Refusal::EmailInvalid(to.to_owned()).into())
}

fn check_authorized(authorized: &[String], to: &str) -> Result<(), Error> {
    let plain = without_label(to);
    let is_authorized = authorized.is_empty() || authorized.iter().any(|known| without_label(known) == plain);
    if is_authorized { Ok(()) } else { Err(Refusal::EmailNotAuthorized.into()) }
}

/// An address in lower case without what follows a `+` in its local part.
fn without_label(address: &str) -> String {
    let address = address.to_lowercase();
    match address.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or_default()),
        None => address,
    }
}
