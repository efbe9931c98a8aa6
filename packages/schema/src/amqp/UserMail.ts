import { type Mail, SecurityNoticeKind } from "@user-service/domain/Mail"
import { type DateTime, Record, Redacted, Schema } from "effect"
import { Id } from "../Id.ts"
import { Timestamp, timestamp } from "../Timestamp.ts"

const recipient = {
  user_id: Id.annotateKey({ description: "The user that the mail is for." }),
  notification_id: Id.annotateKey({
    description: "The notification's id for status reports, which is also the `message_id`."
  }),
  email: Schema.String.annotate({ format: "email" }).annotateKey({ description: "The address to send the mail to." })
}

const language = {
  language: Schema.String.annotateKey({ description: "The language of the user's profile (BCP 47)." })
}

const withToken = {
  ...recipient,
  token: Schema.String.annotateKey({ description: "The one-time token. A secret: it must be in no log." }),
  expires_at: Timestamp.annotateKey({ description: "When the token expires. Do not send the mail after that." }),
  ...language
}

/** The bodies of mails by routing key. */
export const mailBodies = {
  password_reset: Schema.Struct(withToken).annotate({
    identifier: "PasswordResetMail",
    description: "Asks for a mail with a token that sets a new password."
  }),
  email_verification: Schema.Struct(withToken).annotate({
    identifier: "EmailVerificationMail",
    description: "Asks for a mail with a token that proves that the user reads the mail of their address."
  }),
  email_change: Schema.Struct(withToken).annotate({
    identifier: "EmailChangeMail",
    description: "Asks for a mail to the new address of a user, with a token that completes the change to it."
  }),
  email_change_requested: Schema.Struct({ ...recipient, ...language }).annotate({
    identifier: "EmailChangeRequestedMail",
    description: "Asks for a mail that tells the old address that a change to another one was requested."
  }),
  email_changed: Schema.Struct({ ...recipient, ...language }).annotate({
    identifier: "EmailChangedMail",
    description: "Asks for a mail that tells the old address that the account has another one now."
  }),
  security_notice: Schema.Struct({
    ...recipient,
    ...language,
    kind: SecurityNoticeKind.annotateKey({
      description: "What the notice is about. Ignore unknown kinds: more may be added."
    }),
    at: Timestamp.annotateKey({ description: "When it happened." }),
    ip: Schema.NullOr(Schema.String).annotateKey({ description: "The address of the client, or null if unknown." }),
    user_agent: Schema.String.annotateKey({ description: "The `User-Agent` of the client, or an empty string." })
  }).annotate({
    identifier: "SecurityNoticeMail",
    description: "Asks for a mail about something that an attacker could have done."
  })
} as const

export type MailRoutingKey = keyof typeof mailBodies

/** The body of any mail. The routing key tells which. */
export const UserMailBody = Schema.Union(Object.values(mailBodies))
export type UserMailBody = typeof UserMailBody.Type

/** The fields of a body that are specific to its routing key. */
type MailFields<Key extends MailRoutingKey> = Omit<
  (typeof mailBodies)[Key]["Type"],
  keyof typeof recipient | keyof typeof language
>

interface MailContent<Key extends MailRoutingKey = MailRoutingKey> {
  readonly routingKey: Key
  readonly fields: MailFields<Key>
}

const content = <Key extends MailRoutingKey>(routingKey: Key, fields: MailFields<Key>): MailContent<Key> => ({
  routingKey,
  fields
})

const contentOf = (mail: Mail): MailContent => {
  switch (mail._tag) {
    case "PasswordResetMail":
      return content("password_reset", tokenOf(mail))
    case "EmailVerificationMail":
      return content("email_verification", tokenOf(mail))
    case "EmailChangeMail":
      return content("email_change", tokenOf(mail))
    case "EmailChangeRequestedMail":
      return content("email_change_requested", {})
    case "EmailChangedMail":
      return content("email_changed", {})
    case "SecurityNoticeMail":
      return content("security_notice", {
        kind: mail.kind,
        at: timestamp(mail.at),
        ip: mail.ip,
        user_agent: mail.userAgent
      })
  }
}

const tokenOf = ({ expiresAt, token }: Extract<Mail, { readonly token: unknown }>) => ({
  token: Redacted.value(token),
  expires_at: timestamp(expiresAt)
})

/** A mail with the data of its outbox row. */
interface PublishedMail {
  /** The id of the notification and of the message, the same each time it is published. */
  readonly id: string
  readonly mail: Mail
  readonly createdAt: DateTime.Utc
  /** The trace of the request that made the change (W3C Trace Context), if it was traced. */
  readonly traceparent: string | null
}

export const UserMailHeaders = Schema.Struct({
  "cloudEvents:id": Id.annotateKey({
    description: "The `notification_id` of the body. The same each time the mail is published."
  }),
  "cloudEvents:source": Schema.Literal("/user-service"),
  "cloudEvents:type": Schema.Literals(Record.keys(mailBodies)).annotateKey({ description: "The routing key." }),
  "cloudEvents:specversion": Schema.Literal("1.0"),
  "cloudEvents:time": Timestamp.annotateKey({ description: "When the mail was requested." }),
  "cloudEvents:subject": Id.annotateKey({ description: "The user that the mail is for." }),
  traceparent: Schema.optionalKey(Schema.String).annotateKey({
    description: "The trace of the request that caused the mail (W3C Trace Context), if it was traced."
  })
}).annotate({
  identifier: "UserMailHeaders",
  description: "The attributes of CloudEvents 1.0, in the binary mode of its AMQP binding, and the trace to continue."
})

/** A mail as it is published to the exchange `user_mail`. */
interface UserMailMessage {
  readonly routingKey: MailRoutingKey
  /** JSON. It may contain a token. */
  readonly body: string
  readonly headers: typeof UserMailHeaders.Type
}

/** Encodes a mail as a message. */
export const userMailMessage = ({ createdAt, id, mail, traceparent }: PublishedMail): UserMailMessage => {
  const { routingKey, fields } = contentOf(mail)
  return {
    routingKey,
    body: JSON.stringify({
      user_id: mail.userId,
      notification_id: id,
      email: mail.email,
      ...fields,
      language: mail.language
    }),
    headers: {
      "cloudEvents:id": id,
      "cloudEvents:source": "/user-service",
      "cloudEvents:type": routingKey,
      "cloudEvents:specversion": "1.0",
      "cloudEvents:time": timestamp(createdAt),
      "cloudEvents:subject": mail.userId,
      ...(traceparent === null ? {} : { traceparent })
    }
  }
}
