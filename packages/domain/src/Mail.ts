import { Schema, String } from "effect"
import { UserId } from "./User.ts"

/** What a security notice is about. Consumers ignore kinds that they do not know. */
export const SecurityNoticeKind = Schema.Literals([
  "new_device",
  "password_changed",
  "second_factor_changed",
  "recovery_code_used",
  "sessions_ended"
])
export type SecurityNoticeKind = typeof SecurityNoticeKind.Type

const recipient = {
  userId: UserId,
  // Not checked by `Email`: older accounts may have addresses that the current rules refuse.
  email: Schema.String.pipe(Schema.brand("Email")),
  // The language of the user's profile, in which the mail is written if there is a translation.
  language: Schema.String.pipe(Schema.brand("Language"))
}

/** A recipient and a one-time token, which whoever reads the mail can use until `expiresAt`. */
const withToken = { ...recipient, token: Schema.Redacted(Schema.String), expiresAt: Schema.DateTimeUtc }

/** Sends a token that sets a new password. */
export class PasswordResetMail extends Schema.TaggedClass<PasswordResetMail>()("PasswordResetMail", withToken) {}

/** Sends a token that proves that the user reads the mail of their address. */
export class EmailVerificationMail extends Schema.TaggedClass<EmailVerificationMail>()(
  "EmailVerificationMail",
  withToken
) {}

/** Sends a token to the new address of a user, which completes the change to this address. */
export class EmailChangeMail extends Schema.TaggedClass<EmailChangeMail>()("EmailChangeMail", withToken) {}

/** Tells the old address that a change to another address was requested. */
export class EmailChangeRequestedMail extends Schema.TaggedClass<EmailChangeRequestedMail>()(
  "EmailChangeRequestedMail",
  recipient
) {}

/** Tells the old address that the account has another address now. */
export class EmailChangedMail extends Schema.TaggedClass<EmailChangedMail>()("EmailChangedMail", recipient) {}

/** Tells the user about something that an attacker could have done. */
export class SecurityNoticeMail extends Schema.TaggedClass<SecurityNoticeMail>()("SecurityNoticeMail", {
  ...recipient,
  kind: SecurityNoticeKind,
  at: Schema.DateTimeUtc,
  ip: Schema.NullOr(Schema.String),
  userAgent: Schema.String
}) {}

/**
 * A mail that the Email service writes and sends. It is not a {@link DomainEvent}: it is for one consumer, may hold a token, and
 * is never published again once it was confirmed.
 */
export const Mail = Schema.Union([
  PasswordResetMail,
  EmailVerificationMail,
  EmailChangeMail,
  EmailChangeRequestedMail,
  EmailChangedMail,
  SecurityNoticeMail
])
export type Mail = typeof Mail.Type

/** The name of a kind of mails in routing keys, metrics and logs: `password_reset` for the tag `PasswordResetMail`. */
export const mailTypeOf = (tag: string): string => String.camelToSnake(String.uncapitalize(tag)).replace(/_mail$/, "")
