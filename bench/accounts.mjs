// Users by the hundred thousand, and sessions of some of them.

import { output, ask } from './measure.mjs'

export const PASSWORD = 'correct horse battery'

const NIL = '00000000-0000-0000-0000-000000000000'

/** The id and the address of the n-th user, in SQL and here. */
const ID = `('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid`
const EMAIL = `'user' || n || '@example.com'`
export const userId = (n) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
export const email = (n) => `user${n}@example.com`

/** A signed-up user's hash, which all others get too. */
export async function passwordHash(server) {
  const body = { email: 'first@example.com', password: PASSWORD }
  const { status, text } = await server.request('POST', '/auth/v1/signup', { body })
  if (status !== 200) throw new Error(`sign-up: ${status} ${text}`)
  return server.value(`select encrypted_password from auth.users where email = 'first@example.com'`)
}

/** Adds users `from` to `to`, confirmed, with one identity each. */
export async function addUsers(server, hash, from, to) {
  await server.sql(`
    insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
      confirmation_token, recovery_token, email_change_token_new, email_change, raw_app_meta_data,
      raw_user_meta_data, created_at, updated_at, last_sign_in_at)
    select '${NIL}', ${ID}, 'authenticated', 'authenticated', ${EMAIL}, '${hash}', now(), '', '', '', '',
      '{"provider": "email", "providers": ["email"]}', jsonb_build_object('first_name', 'User ' || n),
      now() - n * interval '1 second', now(), now() - n * interval '1 minute'
    from generate_series(${from}, ${to}) n;
    insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    select ${ID}::text, ${ID}, jsonb_build_object('sub', ${ID}, 'email', ${EMAIL}, 'email_verified', true,
      'phone_verified', false), 'email', now(), now(), now()
    from generate_series(${from}, ${to}) n;`)
}

/** Opens a session for each user there is, as if each had signed in on one device. */
export async function addSessions(server) {
  await server.sql(`
    with session as (
      insert into auth.sessions (id, user_id, created_at, updated_at, aal)
      select gen_random_uuid(), id, now(), now(), 'aal1' from auth.users
      returning id, user_id
    ), claim as (
      insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
      select gen_random_uuid(), id, now(), now(), 'password' from session
    )
    insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at, session_id)
    select '${NIL}', (100000000000 + row_number() over ())::text, user_id, false, now(), now(), id from session`)
}

/** What would otherwise go on in the background while something is measured. */
export const settle = (server) => output('psql', ['-Xq', '-d', server.keys.DB_URL, '-c', 'vacuum analyze', '-c', 'checkpoint'])

/** Signs users in; the answers. */
export async function signIn(server, numbers) {
  return Promise.all(
    numbers.map(async (n) => {
      const { status, json, text } = await ask(server, signInRequest(n))
      if (status !== 200) throw new Error(`sign-in: ${status} ${text}`)
      return json
    }),
  )
}

export const signInRequest = (n) => ({
  method: 'POST',
  path: '/auth/v1/token?grant_type=password',
  body: { email: email(n), password: PASSWORD },
})

export const refreshRequest = (token) => ({
  method: 'POST',
  path: '/auth/v1/token?grant_type=refresh_token',
  body: { refresh_token: token },
})

/** Numbers spread evenly over a range. */
export const spread = (count, most) => Array.from({ length: count }, (_, at) => 1 + Math.floor((at * most) / count))
