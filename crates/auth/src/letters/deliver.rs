//! Handing a letter over: to the hook that replaces all mail, to the mail server, or to the mailbox.

use authkit::mailer::{Message, Sender};
use authkit::template::{Kind, Letter, Template, Variables, builtin_texts, preferences};
use pg::Transaction;
use serde_json::{Value, json};

use super::{Letters, action};
use crate::error::Error;
use crate::hooks::{self, HookName};
use crate::limits::{self, Sending};
use crate::model::mailbox::{self, NewMail};
use crate::model::users::User;
use crate::one_time::Code;
use crate::refusal::{Refusal, chain};
use crate::state::State;

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
    let authorized = &state.settings.letters.authorized_addresses;
    let plain = without_label(to);
    if !authorized.is_empty() && !authorized.iter().any(|known| without_label(known) == plain) {
        return Err(Refusal::EmailNotAuthorized.into());
    }
    let is_accepted = state.protection.recipients.accept(to).await;
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
        if !post.is_checked {
            check_recipient(self.state, post.to).await?;
        }
        let letter = self.write(&post).await?;
        let settings = &self.state.settings;
        let id = self.state.random.uuid();
        let from = Sender { address: settings.mailer_from.clone(), name: settings.mailer_from_name.clone() };
        let message = Message::new(from, post.to.to_owned(), letter, format!("<{id}@vestibule>"))
            .with_headers(&settings.letters.headers, post.kind);
        match &self.state.outside.mailer {
            Some(mailer) => mailer
                .send(&message)
                .await
                .map_err(|error| Refusal::MailNotSent { text: post.failed, cause: chain(&error) }.into()),
            None => self.keep_in_mailbox(tx, id, &message).await.map_err(Error::database(post.failed)),
        }
    }

    /// Lets the hook send it, once it has been counted; false when there is none. `current` is the code for the old address where two
    /// addresses must agree. The hashes are then swapped against the codes, as Supabase has it: `token_hash` is
    /// for the new address and goes with `token_new`.
    pub(super) async fn deliver_by_hook(
        &self,
        tx: &mut Transaction,
        post: &Post<'_>,
        current: Option<&Code>,
    ) -> Result<bool, Error> {
        if !self.state.outside.hooks.has(HookName::SendEmail) {
            return Ok(false);
        }
        let (digits, hash) = post.code.map_or(("", ""), |code| (&code.digits, &code.hash));
        let (token, token_new) = current.map_or((digits, ""), |current| (&current.digits, digits));
        let mut data = json!({
            "token": token,
            "token_hash": hash,
            "redirect_to": self.redirect_to,
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
        let input = json!({"user": post.user, "email_data": data});
        hooks::call(self.state, Some(tx), HookName::SendEmail, self.client, input).await?;
        Ok(true)
    }

    async fn write(&self, post: &Post<'_>) -> Result<Letter, Error> {
        let failed = |cause: &dyn std::error::Error| Error::Internal(post.failed, chain(cause));
        let letter = match &self.state.outside.catalogue {
            Some(catalogue) => {
                let languages = preferences(&post.user.user_metadata, self.client.accept_language.as_deref());
                catalogue.pick(post.kind, &languages).await.render(&post.variables)
            }
            None => {
                let template = Template::parse(post.kind.name(), &builtin_texts(post.kind));
                template.map_err(|error| failed(&error))?.render(&post.variables)
            }
        };
        letter.map_err(|error| failed(&error))
    }

    async fn keep_in_mailbox(&self, tx: &mut Transaction, id: uuid::Uuid, message: &Message) -> Result<(), pg::Error> {
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

/// An address in lower case without what follows a `+` in its local part.
fn without_label(address: &str) -> String {
    let address = address.to_lowercase();
    match address.split_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or_default()),
        None => address,
    }
}
